import { idBytesOf, type RequestId } from "./codec/request-id.ts";
import { decodeRequestRecord } from "./codec/request-record.ts";
import type { RequestRecord, Transaction, TransactionEvent } from "./transaction-logger.ts";

/** Formats a transaction as one line of JSON. */
export function toLine({ sequence, time, events, request }: Transaction): string {
  return JSON.stringify({
    sequence,
    time: toTimestamp(time),
    events: events.map(toJson),
    ...(request && { request: requestToJson(request) }),
  });
}

function toJson(event: TransactionEvent): object {
  if (event.type === "delete") return { type: "delete", key: event.key, expired: event.expired };
  if (event.type === "touch") return { type: "touch", key: event.key, ...expiryToJson(event.expireTime) };
  const { key, value, createRevision, version, expireTime } = event;
  const content =
    typeof value === "string" ? { value } : { bytesValue: Buffer.from(value).toString("base64") };
  return { type: "put", key, ...content, createRevision, version, ...expiryToJson(expireTime) };
}

function requestToJson(request: RequestId | RequestRecord): object {
  if (!(request instanceof Uint8Array)) return { id: Buffer.from(idBytesOf(request)).toString("hex") };
  const { id, digest, results } = decodeRequestRecord(request);
  return {
    id: Buffer.from(id).toString("hex"),
    digest: Buffer.from(digest).toString("hex"),
    results: results.map(({ entry, deleted }) =>
      entry === undefined ? { type: "delete", deleted } : { type: "entry", ...entry },
    ),
  };
}

function expiryToJson(expireTime: number): object {
  return expireTime === 0 ? {} : { expireTime: toTimestamp(expireTime) };
}

/** Formats a time as RFC 3339, or as a number of milliseconds beyond the range of JavaScript dates. */
function toTimestamp(milliseconds: number): string | number {
  return milliseconds > 8.64e15 ? milliseconds : new Date(milliseconds).toISOString();
}
