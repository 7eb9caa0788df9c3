import {
  type ForeignSourceOptions,
  type ReadForeignEntries,
  sourceFailure,
  toEntryContent,
  toKey,
} from "./foreign-source.ts";
import { RedisConnection, type Reply } from "./redis-connection.ts";

/** Modules have others, in any number. */
const knownTypes = /^(?:list|set|zset|hash|stream)$/;

/** Keys of one pipeline. */
const pageSize = 100;

/**
 * Reads the strings of a Redis database with their times to live: redis://HOST:PORT/NUMBER. It first lists the keys, which Redis
 * keeps in no order. Other types are unsupported. Keys that are written meanwhile may be missed. The variable REDISCLI_AUTH
 * authenticates, for the user in the URL if it names one.
 */
export const readRedis: ReadForeignEntries = async function* (options) {
  const { url, timeoutMs } = options;
  let connection: RedisConnection | undefined;
  try {
    connection = await RedisConnection.open(url, timeoutMs);
    await logIn(connection, url);
    const keys = await scanKeys(connection, options.prefix);
    for (let at = 0; at < keys.length; at += pageSize) {
      yield* await readPage(connection, keys.slice(at, at + pageSize), options);
    }
  } catch (error) {
    throw sourceFailure(url, (error as Error).message, error);
  } finally {
    connection?.close();
  }
};

async function logIn(connection: RedisConnection, { username, pathname }: URL): Promise<void> {
  const password = process.env["REDISCLI_AUTH"];
  const user = username === "" ? [] : [decodeURIComponent(username)];
  if (password) await connection.send(["AUTH", ...user, password]);
  const database = pathname.slice(1);
  if (database !== "") await connection.send(["SELECT", database]);
}

/** The keys with a prefix, each once, in the order of their bytes. */
async function scanKeys(connection: RedisConnection, prefix: string): Promise<readonly Buffer[]> {
  // As Latin-1 so that equal bytes are equal strings.
  const keys = new Set<string>();
  const pattern = `${prefix.replace(/[*?[\]\\]/g, "\\$&")}*`;
  let cursor: string | Buffer = "0";
  do {
    const [reply] = await connection.send(["SCAN", cursor, "MATCH", pattern, "COUNT", "1000"]);
    const [next, page] = reply as readonly [Buffer, readonly Buffer[]];
    for (const key of page) keys.add(key.toString("latin1"));
    cursor = next;
  } while (cursor.toString() !== "0");
  return [...keys]
    .map((key) => Buffer.from(key, "latin1"))
    .toSorted((one, other) => Buffer.compare(one, other));
}

async function readPage(connection: RedisConnection, keys: readonly Buffer[], options: ForeignSourceOptions) {
  const types = await connection.send(...keys.map((key) => ["TYPE", key]));
  const strings = keys.filter((_, index) => {
    const type = String(types[index]);
    // It was deleted, or has expired, since it was listed.
    if (type === "none") return false;
    if (type !== "string")
      options.onUnsupported(`type is ${knownTypes.test(type) ? type : "that of a module"}`);
    return type === "string";
  });
  if (strings.length === 0) return [];
  const replies = await connection.send(["MGET", ...strings], ...strings.map((key) => ["PTTL", key]));
  const [values, ...lefts] = replies as readonly [readonly Reply[], ...number[]];
  return strings.flatMap((bytes, index) => {
    const [value, leftMs = 0] = [values[index], lefts[index]];
    // A key is without a time to live at -1, and gone at -2.
    if (!(value instanceof Buffer) || leftMs < -1) return [];
    const key = toKey(bytes, options);
    return key === undefined ? [] : [toEntryContent(key, value, leftMs === -1 ? undefined : leftMs)];
  });
}
