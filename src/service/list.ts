import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ListRequest, ListResponseSchema } from "../../gen/duetkv/v1/key_value_pb.ts";
import { DuetError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { type Entry, entryOverheadBytes } from "../store/entry.ts";
import { afterKey, beforeKey, type KeyRange, keyRange, prefixRange } from "../store/key-range.ts";
import type { ReadonlyStore } from "../store/store.ts";
import { textBytes } from "../store/text.ts";
import { checkKeyPart } from "./check-key.ts";
import { type EntryInit, toEntryInit, toEntryInitWithoutValue } from "./entry-init.ts";
import { decodePageToken, encodePageToken } from "./page-token.ts";

type ListResponseInit = MessageInitShape<typeof ListResponseSchema>;

type ListLimits = Pick<Limits, "keyBytesMax" | "pageEntriesMax" | "pageBytesMax">;

/** Throws RANGE_INVALID, PAGE_SIZE_INVALID, PAGE_TOKEN_INVALID or what `checkKeyPart` does. */
export function list(store: ReadonlyStore, request: ListRequest, limits: ListLimits): ListResponseInit {
  const range = checkRange(request, limits);
  const size = checkPageSize(request, limits);
  const revision = BigInt(store.revision);
  if (request.countOnly) return { revision, count: BigInt(store.count(range)) };
  const identity = requestIdentity(request);
  const scan = store.scan(continueAfter(range, request, identity), request.reverse);
  const toInit = request.keysOnly ? toEntryInitWithoutValue : toEntryInit;
  const entries: EntryInit[] = [];
  let nextPageToken = "";
  let bytes = 0;
  let last: Entry | undefined;
  for (const entry of scan) {
    bytes += request.keysOnly ? entryOverheadBytes + textBytes(entry.key) : entry.bytes;
    if (last !== undefined && (entries.length === size || bytes > limits.pageBytesMax)) {
      nextPageToken = encodePageToken(identity, last.key);
      break;
    }
    entries.push(toInit(entry));
    last = entry;
  }
  return { revision, entries, nextPageToken };
}

function checkRange({ prefix, start, end }: ListRequest, limits: ListLimits): KeyRange {
  for (const bound of [prefix, start, end]) checkKeyPart(bound, limits);
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

function continueAfter(range: KeyRange, { reverse, pageToken }: ListRequest, identity: string): KeyRange {
  if (pageToken === "") return range;
  const lastKey = decodePageToken(identity, pageToken);
  return reverse ? beforeKey(range, lastKey) : afterKey(range, lastKey);
}

/** What must be the same from page to page. */
function requestIdentity({ prefix, start, end, reverse, keysOnly }: ListRequest): string {
  return JSON.stringify([prefix, start, end, reverse, keysOnly]);
}
