import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ListRequest, ListResponseSchema } from "../../gen/duetkv/v1/key_value_pb.ts";
import {
  afterKey,
  beforeKey,
  beyondPrefix,
  type Database,
  type Entry,
  emptyRange,
  entryOverheadBytes,
  type KeyRange,
  keyRange,
  prefixRange,
  textBytes,
} from "../database.ts";
import { DuetError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { checkKeyPart } from "./check-key.ts";
import { type EntryInit, toEntryInit, toEntryInitWithoutValue } from "./entry-init.ts";
import { decodePageToken, encodePageToken } from "./page-token.ts";

type ListResponseInit = MessageInitShape<typeof ListResponseSchema>;

type ListLimits = Pick<Limits, "keyBytesMax" | "pageEntriesMax" | "pageBytesMax">;

/** Throws RANGE_INVALID, PAGE_SIZE_INVALID, PAGE_TOKEN_INVALID or what `checkKeyPart` does. */
export function list(database: Database, request: ListRequest, limits: ListLimits): ListResponseInit {
  const range = checkRange(request, limits);
  const size = checkPageSize(request, limits);
  const revision = BigInt(database.revision);
  if (request.countOnly) return { revision, count: BigInt(database.count(range)) };
  const identity = requestIdentity(request);
  const rest = continueAfter(range, request, identity);
  const items =
    request.delimiter === "" ? database.scan(rest, request.reverse) : scanLevel(database, rest, request);
  const toInit = request.keysOnly ? toEntryInitWithoutValue : toEntryInit;
  const entries: EntryInit[] = [];
  const prefixes: string[] = [];
  let nextPageToken = "";
  let bytes = 0;
  let last: string | undefined;
  for (const item of items) {
    const isPrefix = typeof item === "string";
    const name = isPrefix ? item : item.key;
    bytes += isPrefix || request.keysOnly ? entryOverheadBytes + textBytes(name) : item.bytes;
    const full = entries.length + prefixes.length === size || bytes > limits.pageBytesMax;
    if (last !== undefined && full) {
      nextPageToken = encodePageToken(identity, last);
      break;
    }
    if (isPrefix) prefixes.push(item);
    else entries.push(toInit(item));
    last = name;
  }
  return { revision, entries, prefixes, nextPageToken };
}

/**
 * The entries of a range whose keys do not contain the delimiter after the prefix, and in the place of the others the
 * text up to and with the delimiter, once each. One seek skips all keys that begin with it.
 */
function* scanLevel(
  database: Database,
  range: KeyRange,
  request: ListRequest,
): Generator<Entry | string, void> {
  for (let rest: KeyRange | undefined = range; rest !== undefined; ) {
    let common: string | undefined;
    for (const entry of database.scan(rest, request.reverse)) {
      common = commonPrefix(entry.key, request);
      if (common !== undefined) break;
      yield entry;
    }
    if (common === undefined) return;
    yield common;
    rest = beyondPrefix(range, common, request.reverse);
  }
}

/** The key up to and with the first delimiter after the prefix; undefined when there is none. */
function commonPrefix(key: string, { prefix, delimiter }: ListRequest): string | undefined {
  if (delimiter === "") return undefined;
  const index = key.indexOf(delimiter, prefix.length);
  return index === -1 ? undefined : key.slice(0, index + delimiter.length);
}

function checkRange(request: ListRequest, limits: ListLimits): KeyRange {
  const { prefix, start, end, delimiter, countOnly } = request;
  for (const part of [prefix, start, end, delimiter]) checkKeyPart(part, limits);
  if (delimiter !== "" && countOnly) {
    throw new DuetError("RANGE_INVALID", "delimiter does not go together with count_only");
  }
  if (prefix === "") return keyRange(start, end);
  if (start !== "" || end !== "") {
    throw new DuetError("RANGE_INVALID", "prefix does not go together with start and end");
  }
  return prefixRange(prefix);
}

function checkPageSize({ pageSize }: ListRequest, { pageEntriesMax }: ListLimits): number {
  if (pageSize < 0) throw new DuetError("PAGE_SIZE_INVALID", "the page size is negative");
  return pageSize === 0 ? pageEntriesMax : Math.min(pageSize, pageEntriesMax);
}

function continueAfter(range: KeyRange, request: ListRequest, identity: string): KeyRange {
  const { reverse, pageToken } = request;
  if (pageToken === "") return range;
  const last = decodePageToken(identity, pageToken);
  // No entry of a level contains the delimiter, and every prefix does.
  if (commonPrefix(last, request) !== undefined) return beyondPrefix(range, last, reverse) ?? emptyRange;
  return reverse ? beforeKey(range, last) : afterKey(range, last);
}

/** What must be the same from page to page. */
function requestIdentity({ prefix, start, end, reverse, keysOnly, delimiter }: ListRequest): string {
  return JSON.stringify([prefix, start, end, reverse, keysOnly, delimiter]);
}
