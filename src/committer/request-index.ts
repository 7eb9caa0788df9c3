import { requestRecordBytesMax, requestTime } from "../transaction-log/codec/request-record.ts";
import type { Transaction } from "../transaction-log/transaction-logger.ts";
import { digestBytes } from "./request-digest.ts";
import { hashId, type RequestId } from "./request-id.ts";
import { type RememberedRequest, RequestTable, recordBytes } from "./request-table.ts";

/** A request id is valid while its time differs by at most this from the log's time, in milliseconds. */
export const requestIdValidMs = 10 * 60_000;

/** The length of a span in milliseconds. Ids of one span are forgotten together. */
const spanMs = 10_000;

/**
 * The successful requests with an id, kept while their ids are valid by the times of the log. All replicas remember the same requests,
 * because they come from the request records in the log.
 *
 * Each request is kept as the bytes of its record in the log; objects would take three times as much memory.
 */
export class RequestIndex {
  /** By the span of the id's time. */
  readonly #spans = new Map<number, RequestTable>();
  readonly #onForgotten: (bytes: number) => void;
  #bytes = 0;
  #size = 0;
  /** The time of the newest transaction with a request record. */
  #newest = 0;
  /** The earliest time at which a span can be forgotten. */
  #forgetTime = Number.POSITIVE_INFINITY;

  /** `onForgotten` is called with the size of forgotten requests in bytes. */
  constructor(onForgotten: (bytes: number) => void = () => {}) {
    this.#onForgotten = onForgotten;
  }

  /** The memory that the remembered requests take, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The number of remembered requests. */
  get size(): number {
    return this.#size;
  }

  /**
   * Compaction may remove request records whose id has an earlier time. The limit follows the newest record, not the
   * clock. That record then stays in the log and fixes the time at which all removed ids are invalid, even after a
   * restart with a clock that was set back.
   */
  get neededSince(): number {
    return this.#newest - requestIdValidMs;
  }

  find(id: RequestId): RememberedRequest | undefined {
    return this.#spans.get(spanOf(id.time))?.find(id);
  }

  /** Must be called once for each transaction, in order, after the store has applied it. */
  applied({ sequence, time, request }: Transaction): void {
    this.#forgetInvalid(time);
    if (request === undefined) return;
    this.#newest = Math.max(this.#newest, time);
    const number = spanOf(requestTime(request));
    let span = this.#spans.get(number);
    if (span === undefined) {
      span = new RequestTable();
      this.#spans.set(number, span);
      this.#forgetTime = Math.min(this.#forgetTime, endOf(number));
    }
    const before = span.bytes;
    span.add(request, hashId(request), sequence);
    this.#bytes += span.bytes - before;
    this.#size++;
  }

  /** The memory of the requests whose ids may be valid at `time`, in bytes. */
  bytesAt(time: number): number {
    let bytes = this.#bytes;
    if (time < this.#forgetTime) return bytes;
    for (const [number, span] of this.#spans) if (endOf(number) <= time) bytes -= span.bytes;
    return bytes;
  }

  /**
   * When the next ids become invalid, in milliseconds from `time`; at least 1 s, at most the time for which an id can be
   * valid.
   */
  roomAfterMs(time: number): number {
    let wait = 2 * requestIdValidMs + spanMs;
    for (const number of this.#spans.keys()) {
      const end = endOf(number);
      if (end > time) wait = Math.min(wait, end - time);
    }
    return Math.max(wait, 1000);
  }

  /**
   * Drops the requests whose ids are invalid at `time`, a time in the log: a clock may be corrected, and then the ids
   * would be valid again.
   */
  #forgetInvalid(time: number): void {
    if (time < this.#forgetTime) return;
    this.#forgetTime = Number.POSITIVE_INFINITY;
    for (const [number, { size, bytes }] of this.#spans) {
      if (time < endOf(number)) {
        this.#forgetTime = Math.min(this.#forgetTime, endOf(number));
      } else {
        this.#spans.delete(number);
        this.#size -= size;
        this.#bytes -= bytes;
        this.#onForgotten(bytes);
      }
    }
  }
}

/** The most memory that a request with this many mutations takes, in bytes. */
export function requestBytesMax(mutations: number): number {
  return recordBytes(requestRecordBytesMax(digestBytes, mutations));
}

function spanOf(time: number): number {
  return Math.floor(time / spanMs);
}

/** The time from which all ids of the span are invalid. */
function endOf(span: number): number {
  return (span + 1) * spanMs + requestIdValidMs;
}
