import { fetchJson } from "./fetch-json.ts";
import {
  fitsValue,
  type ReadForeignEntries,
  sourceFailure,
  toEntryContent,
  toKey,
} from "./foreign-source.ts";

interface ConsulEntry {
  readonly Key: string;
  /** Base64; null when it is empty. */
  readonly Value: string | null;
}

/**
 * Reads the keys and values of Consul, at one index, in one response. Flags and sessions are not read. The variable
 * CONSUL_HTTP_TOKEN authenticates.
 */
export const readConsul: ReadForeignEntries = async function* (options) {
  const token = process.env["CONSUL_HTTP_TOKEN"];
  const headers: Record<string, string> = token ? { "X-Consul-Token": token } : {};
  const path = `/v1/kv/${options.prefix.split("/").map(encodeURIComponent).join("/")}?recurse=true&consistent=true`;
  const entries = await fetchJson<ConsulEntry[]>(options, path, { method: "GET", headers }, toNoEntries);
  if (!Array.isArray(entries) || !entries.every(isEntry)) {
    throw sourceFailure(options.url, "its response is not that of Consul");
  }
  const keyed = entries.map(({ Key, Value }) => ({ bytes: Buffer.from(Key), Value }));
  for (const { bytes, Value } of keyed.toSorted((one, other) => Buffer.compare(one.bytes, other.bytes))) {
    const key = toKey(bytes, options);
    const value = Buffer.from(Value ?? "", "base64");
    if (key !== undefined && fitsValue(key, value.length, options)) yield toEntryContent(key, value);
  }
};

function isEntry(entry: Partial<ConsulEntry> | null): boolean {
  return typeof entry?.Key === "string" && (entry.Value === null || typeof entry.Value === "string");
}

/** Consul responds with status 404 and its index when there are no such keys. Other servers have no such header. */
function toNoEntries(headers: Headers): ConsulEntry[] {
  if (!headers.has("X-Consul-Index")) throw new Error("it is not Consul: HTTP status 404");
  return [];
}
