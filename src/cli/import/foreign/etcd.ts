import { fetchJson } from "./fetch-json.ts";
import {
  type ForeignSourceOptions,
  fitsValue,
  type ReadForeignEntries,
  sourceFailure,
  toEntryContent,
  toKey,
} from "./foreign-source.ts";

/** With values of 1 MiB, still within the limit of a response. */
const pageSize = 100;

// Messages of etcd's gateway: bytes are Base64, an int64 is a string of digits, and default values are missing.
interface RangeResponse {
  readonly header: { readonly revision: string };
  readonly kvs?: readonly KeyValue[];
  readonly more?: boolean;
}

interface KeyValue {
  readonly key: string;
  readonly value?: string;
  readonly lease?: string;
}

interface LeaseResponse {
  /** In seconds; -1 when the lease has ended. */
  readonly TTL?: string;
}

/**
 * Reads etcd 3.4 or later through its JSON gateway, all pages at the revision of the first. Leases become times to live. The
 * variable ETCDCTL_USER, NAME:PASSWORD, authenticates.
 */
export const readEtcd: ReadForeignEntries = async function* (options) {
  const call = await openGateway(options);
  const leases = new Map<string, number>();
  const end = endOf(Buffer.from(options.prefix)).toString("base64");
  let key = options.prefix === "" ? Buffer.from([0]) : Buffer.from(options.prefix);
  let revision: string | undefined;
  for (let more = true; more; ) {
    const request = { key: key.toString("base64"), range_end: end, limit: String(pageSize), revision };
    const page = await call("kv/range", request, isPage);
    revision ??= page.header.revision;
    for (const each of page.kvs ?? []) {
      const bytes = Buffer.from(each.key, "base64");
      key = Buffer.concat([bytes, Buffer.from([0])]);
      const name = toKey(bytes, options);
      if (name === undefined) continue;
      const value = Buffer.from(each.value ?? "", "base64");
      if (!fitsValue(name, value.length, options)) continue;
      if (each.lease === undefined || each.lease === "0") {
        yield toEntryContent(name, value);
        continue;
      }
      const expiry = leases.get(each.lease) ?? (await readExpiry(call, each.lease));
      leases.set(each.lease, expiry);
      yield toEntryContent(name, value, expiry - Date.now());
    }
    more = page.more === true;
  }
};

type Call = <Response>(
  method: string,
  request: object,
  isExpected: (response: Partial<Response> | null) => boolean,
) => Promise<Response>;

async function openGateway(options: ForeignSourceOptions): Promise<Call> {
  const send =
    (headers: Record<string, string>): Call =>
    async (method, request, isExpected) => {
      const init = { method: "POST", headers, body: JSON.stringify(request) } as const;
      const response = await fetchJson<never>(options, `/v3/${method}`, init, refuseNotFound);
      if (!isExpected(response))
        throw sourceFailure(options.url, `its response to ${method} is not that of etcd`);
      return response;
    };
  const [, name, password] = /^([^:]*):(.*)$/s.exec(process.env["ETCDCTL_USER"] ?? "") ?? [];
  if (name === undefined) return send({});
  const { token } = await send({})("auth/authenticate", { name, password }, isLogin);
  return send({ Authorization: token });
}

function refuseNotFound(): never {
  throw new Error("it has no gateway of etcd 3.4 or later at /v3");
}

/** The time at which a lease ends, in milliseconds. */
async function readExpiry(call: Call, lease: string): Promise<number> {
  const { TTL } = await call("lease/timetolive", { ID: lease }, isLease);
  return Date.now() + Number(TTL ?? 0) * 1000;
}

function isLogin(response: Partial<{ readonly token: string }> | null): boolean {
  return typeof response?.token === "string";
}

/** A page without keys cannot be followed by another. */
function isPage(response: Partial<RangeResponse> | null): boolean {
  const kvs = response?.kvs ?? [];
  if (typeof response?.header?.revision !== "string" || !Array.isArray(kvs)) return false;
  return kvs.every(isKeyValue) && (response.more !== true || kvs.length > 0);
}

function isKeyValue(each: Partial<KeyValue> | null): boolean {
  const { key, value = "", lease = "" } = each ?? {};
  return [key, value, lease].every((field) => typeof field === "string");
}

/** The longest lease of etcd has 10 digits of seconds. */
function isLease(response: Partial<LeaseResponse> | null): boolean {
  return response !== null && /^-?\d{1,10}$/.test(response.TTL ?? "0");
}

/** The first key after all those with the prefix; a zero byte stands for the end of all keys. */
function endOf(prefix: Buffer): Buffer {
  const length = prefix.findLastIndex((byte) => byte < 0xff) + 1;
  if (length === 0) return Buffer.from([0]);
  const end = Buffer.from(prefix.subarray(0, length));
  end[length - 1] = (end[length - 1] as number) + 1;
  return end;
}
