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
  Slice,
  type State,
  textBytes,
} from "../database.ts";
import { DuetError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { checkAtRevision } from "./check-at-revision.ts";
import { checkKeyPart } from "./check-key.ts";
import { type EntryInit, toEntryInit, toEntryInitWithoutValue, toInt64 } from "./entry-init.ts";
import { checkPageSize } from "./page-size.ts";
import { decodePageToken, encodePageToken } from "./page-token.ts";

type ListResponseInit = MessageInitShape<typeof ListResponseSchema>;

type ListLimits = Pick<Limits, "keyBytesMax" | "pageEntriesMax" | "pageBytesMax">;

/** A valid request and the position at which it continues. */
export interface ListQuery {
  readonly request: ListRequest;
  /** The part of the range that is still to be listed. */
  readonly range: KeyRange;
  readonly pageSize: number;
  /** The revision to read at; 0: the newest. */
  readonly revision: number;
}

/**
 * Checks a List request. Throws RANGE_INVALID, PAGE_SIZE_INVALID, REVISION_INVALID, PAGE_TOKEN_INVALID or the errors
 * of `checkKeyPart`.
 */
export function checkList(request: ListRequest, limits: ListLimits): ListQuery {
  const range = checkRange(request, limits);
  const pageSize = checkPageSize(request.pageSize, limits);
  const revision = checkAtRevision(request.atRevision);
  if (request.pageToken === "" || request.countOnly) return { request, range, pageSize, revision };
  const position = decodePageToken(requestIdentity(request), request.pageToken);
  const rest = continueAfter(range, request, position.lastKey);
  return { request, range: rest, pageSize, revision: position.revision };
}

/** A page. Rejects with REVISION_COMPACTED when the request has an `at_revision` that the history does not reach. */
export async function list(
  database: Database,
  query: ListQuery,
  limits: ListLimits,
): Promise<ListResponseInit> {
  for (;;) {
    const state = stateOf(database, query);
    try {
      return await listState(state, query, limits);
    } catch (error) {
      // The history has dropped the revision meanwhile. Try again: `stateOf` returns a newer state, or throws for a
      // requested `at_revision`.
      if (!(error instanceof DuetError && error.reason === "REVISION_COMPACTED")) throw error;
    }
  }
}

async function listState(state: State, query: ListQuery, limits: ListLimits): Promise<ListResponseInit> {
  const { request, range, pageSize } = query;
  const revision = toInt64(state.revision);
  if (request.countOnly) return { revision, count: toInt64(await state.count(range)) };
  const items =
    request.delimiter === "" ? state.scan(range, request.reverse) : scanLevel(state, range, request);
  const slice = new Slice();
  const toInit = request.keysOnly ? toEntryInitWithoutValue : toEntryInit;
  const entries: EntryInit[] = [];
  const prefixes: string[] = [];
  let nextPageToken = "";
  let bytes = 0;
  let lastKey: string | undefined;
  for (const item of items) {
    if (item === undefined) {
      if (slice.isOver) await slice.giveWay();
      continue;
    }
    const isPrefix = typeof item === "string";
    const name = isPrefix ? item : item.key;
    bytes += isPrefix || request.keysOnly ? entryOverheadBytes + textBytes(name) : item.bytes;
    const full = entries.length + prefixes.length === pageSize || bytes > limits.pageBytesMax;
    if (lastKey !== undefined && full) {
      nextPageToken = encodePageToken(requestIdentity(request), { revision: state.revision, lastKey });
      break;
    }
    if (isPrefix) prefixes.push(item);
    else entries.push(toInit(item));
    lastKey = name;
  }
  return { revision, entries, prefixes, nextPageToken };
}

/**
 * The state of the query. If the history no longer has the revision of the first page, pages without `at_revision`
 * continue at the current revision.
 */
function stateOf(database: Database, { request, revision }: ListQuery): State {
  const isCompacted = request.atRevision === 0n && revision < database.oldestState;
  return revision === 0 || isCompacted ? database : database.at(revision);
}

/**
 * Yields the entries of a range whose keys do not contain the delimiter after the prefix. For the other keys it
 * yields the text up to and including the delimiter, once each: one seek skips all keys with that prefix.
 */
function* scanLevel(
  state: State,
  range: KeyRange,
  request: ListRequest,
): Generator<Entry | string | undefined, void> {
  for (let rest: KeyRange | undefined = range; rest !== undefined; ) {
    let common: string | undefined;
    for (const entry of state.scan(rest, request.reverse)) {
      common = entry && commonPrefix(entry.key, request);
      if (common !== undefined) break;
      yield entry;
    }
    if (common === undefined) return;
    yield common;
    rest = beyondPrefix(range, common, request.reverse);
  }
}

/** The key up to and including the first delimiter after the prefix; undefined when there is none. */
function commonPrefix(key: string, { prefix, delimiter }: ListRequest): string | undefined {
  if (delimiter === "") return undefined;
  const index = key.indexOf(delimiter, prefix.length);
  return index === -1 ? undefined : key.slice(0, index + delimiter.length);
}

function checkRange(request: ListRequest, limits: ListLimits): KeyRange {
  const { prefix, start, end, delimiter, countOnly } = request;
  for (const part of [prefix, start, end, delimiter]) checkKeyPart(part, limits);
  if (delimiter !== "" && countOnly) {
    throw new DuetError("RANGE_INVALID", "delimiter and count_only are both set; use one of them");
  }
  if (prefix === "") return keyRange(start, end);
  if (start !== "" || end !== "") {
    throw new DuetError("RANGE_INVALID", "prefix is set together with start or end; use either");
  }
  return prefixRange(prefix);
}

function continueAfter(range: KeyRange, request: ListRequest, last: string): KeyRange {
  const { reverse } = request;
  // Entries of a level never contain the delimiter after the prefix, and common prefixes always do.
  // Of a forged token, only what is the name at the level counts: what lies behind it may be hidden from the caller.
  const common = commonPrefix(last, request);
  if (common !== undefined) return beyondPrefix(range, common, reverse) ?? emptyRange;
  return reverse ? beforeKey(range, last) : afterKey(range, last);
}

/** The fields that must not change from page to page. */
function requestIdentity(request: ListRequest): string {
  const { prefix, start, end, reverse, keysOnly, delimiter, atRevision } = request;
  return JSON.stringify([prefix, start, end, reverse, keysOnly, delimiter, String(atRevision)]);
}
