import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  Event_Type,
  type EventSchema,
  type HistoryRequest,
  type HistoryResponseSchema,
} from "../../gen/duetkv/v1/key_value_pb.ts";
import { type Database, entryOverheadBytes, type KeyVersion, textBytes } from "../database.ts";
import type { Limits } from "../limits.ts";
import { checkKey } from "./check-key.ts";
import { toDeletedEntryInit, toEntryInit, toInt64 } from "./entry-init.ts";
import { checkPageSize } from "./page-size.ts";
import { decodePageToken, encodePageToken } from "./page-token.ts";

type HistoryLimits = Pick<Limits, "keyBytesMax" | "pageEntriesMax" | "pageBytesMax">;

/** A valid request and the position at which it continues. */
export interface HistoryQuery {
  readonly request: HistoryRequest;
  readonly pageSize: number;
  /** The next versions are those before this revision. */
  readonly before: number;
}

/** Checks a History request. Throws the errors of `checkKey`, PAGE_SIZE_INVALID or PAGE_TOKEN_INVALID. */
export function checkHistory(request: HistoryRequest, limits: HistoryLimits): HistoryQuery {
  const { key, pageToken } = request;
  checkKey(key, limits);
  const pageSize = checkPageSize(request.pageSize, limits);
  const before =
    pageToken === "" ? Number.POSITIVE_INFINITY : decodePageToken(requestIdentity(key), pageToken).revision;
  return { request, pageSize, before };
}

export function history(
  database: Database,
  { request, pageSize, before }: HistoryQuery,
  { pageBytesMax }: HistoryLimits,
): MessageInitShape<typeof HistoryResponseSchema> {
  const { key } = request;
  const events: MessageInitShape<typeof EventSchema>[] = [];
  let nextPageToken = "";
  let bytes = 0;
  let last = 0;
  for (const version of database.versions(key, before)) {
    bytes += version.entry?.bytes ?? entryOverheadBytes + textBytes(key);
    if (events.length > 0 && (events.length === pageSize || bytes > pageBytesMax)) {
      nextPageToken = encodePageToken(requestIdentity(key), { revision: last, lastKey: "" });
      break;
    }
    events.push(toEvent(key, version));
    last = version.revision;
  }
  const { revision, oldestState } = database;
  return { revision: toInt64(revision), events, nextPageToken, oldestRevision: toInt64(oldestState) };
}

function toEvent(
  key: string,
  { revision, time, entry, expired }: KeyVersion,
): MessageInitShape<typeof EventSchema> {
  return {
    type: entry === undefined ? Event_Type.DELETE : Event_Type.PUT,
    entry: entry === undefined ? toDeletedEntryInit(key, revision, time) : toEntryInit(entry),
    expired,
  };
}

/** The fields that must not change from page to page. */
function requestIdentity(key: string): string {
  return JSON.stringify(["history", key]);
}
