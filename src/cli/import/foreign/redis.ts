import {
  type ForeignSourceOptions,
  fitsValue,
  type ReadForeignEntries,
  sourceFailure,
  toEntryContent,
  toKey,
} from "./foreign-source.ts";
import { RedisConnection } from "./redis-connection.ts";

/** Modules have others, in any number. */
const knownTypes = /^(?:list|set|zset|hash|stream)$/;

/** Keys of one pipeline. */
const pageSize = 100;

/** The values of one pipeline are no larger together, unless one alone is. */
const pageBytesMax = 4 * 1024 * 1024;

/** A string of Redis that this store can have. */
interface RedisString {
  readonly bytes: Buffer;
  readonly key: string;
  readonly valueBytes: number;
}

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
      const strings = await findStrings(connection, keys.slice(at, at + pageSize), options);
      for (const page of toPages(strings)) yield* await readPage(connection, page, options);
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

/** The strings among the keys that are within the limits; the others are reported. */
async function findStrings(
  connection: RedisConnection,
  keys: readonly Buffer[],
  options: ForeignSourceOptions,
): Promise<readonly RedisString[]> {
  const types = await connection.send(...keys.map((key) => ["TYPE", key]));
  const named = keys.flatMap((bytes, index) => {
    const type = String(types[index]);
    // It was deleted, or has expired, since it was listed.
    if (type === "none") return [];
    if (type !== "string") {
      options.onUnsupported(`type is ${knownTypes.test(type) ? type : "that of a module"}`);
      return [];
    }
    const key = toKey(bytes, options);
    return key === undefined ? [] : [{ bytes, key }];
  });
  const lengths = await connection.ask(...named.map(({ bytes }) => ["STRLEN", bytes]));
  return named.flatMap((each, index) => {
    const valueBytes = lengths[index];
    // An error: it has got another type since.
    if (typeof valueBytes !== "number" || !fitsValue(each.key, valueBytes, options)) return [];
    return [{ ...each, valueBytes }];
  });
}

/** Divides strings by the sizes of their values. */
function* toPages(strings: readonly RedisString[]): Generator<readonly RedisString[]> {
  let page: RedisString[] = [];
  let bytes = 0;
  for (const string of strings) {
    if (bytes > 0 && bytes + string.valueBytes > pageBytesMax) {
      yield page;
      page = [];
      bytes = 0;
    }
    page.push(string);
    bytes += string.valueBytes;
  }
  if (page.length > 0) yield page;
}

async function readPage(
  connection: RedisConnection,
  strings: readonly RedisString[],
  options: ForeignSourceOptions,
) {
  // A value that has grown meanwhile is read up to one byte beyond the limit.
  const last = String(options.valueBytesMax);
  const replies = await connection.ask(
    ...strings.flatMap(({ bytes }) => [
      ["GETRANGE", bytes, "0", last],
      ["PTTL", bytes],
    ]),
  );
  return strings.flatMap(({ key }, index) => {
    const [value, leftMs] = [replies[2 * index], Number(replies[2 * index + 1])];
    // A key is without a time to live at -1, and gone at -2.
    if (!(value instanceof Buffer) || leftMs < -1 || !fitsValue(key, value.length, options)) return [];
    return [toEntryContent(key, value, leftMs === -1 ? undefined : leftMs)];
  });
}
