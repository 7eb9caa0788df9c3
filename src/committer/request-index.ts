import type { Store } from "../store/store.ts";
import { type RequestId, timeOf, toRequestId } from "../transaction-log/codec/request-id.ts";
import { requestRecordBytesMax } from "../transaction-log/codec/request-record.ts";
import type { PutEvent, Transaction } from "../transaction-log/transaction-logger.ts";
import { digestBytes } from "./request-digest.ts";
import {
  type CopyHash,
  type RememberedPut,
  type RememberedRecord,
  RequestTable,
  rememberedRecordBytes,
} from "./request-table.ts";

/** A request id is valid while its time differs by at most this from the log's time, in milliseconds. */
export const requestIdValidMs = 10 * 60_000;

/** The length of a span in milliseconds. Ids of one span are forgotten together. */
const spanMs = 1000;

/**
 * The successful requests with an id, kept while their ids are valid by the times of the log. All replicas remember the same requests,
 * because they come from the log.
 *
 * Each request is kept as bytes; objects would take three times as much memory.
 */
export class RequestIndex {
  /** By the span of the id's time. */
  readonly #spans = new Map<number, RequestTable>();
  readonly #onForgotten: (bytes: number) => void;
  readonly #copyHash: CopyHash;
  #bytes = 0;
  #size = 0;
  /** The time of the newest transaction with a request. */
  #newest = 0;
  /** The earliest time at which a span can be forgotten. */
  #forgetTime = Number.POSITIVE_INFINITY;

  /**
   * `store` is the one that applies the transactions. `onForgotten` is called with the size of forgotten requests in
   * bytes.
   */
  constructor(store: Pick<Store, "copyEntryHash">, onForgotten: (bytes: number) => void = () => {}) {
    this.#copyHash = (target, offset) => store.copyEntryHash(target, offset);
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
   * Compaction may remove requests whose id has an earlier time. The limit follows the newest request, not the clock.
   * That request then stays in the log and fixes the time at which all removed ids are invalid, even after a
   * restart with a clock that was set back.
   */
  get neededSince(): number {
    return this.#newest - requestIdValidMs;
  }

  find(id: RequestId): RememberedPut | RememberedRecord | undefined {
    return this.#spans.get(spanOf(timeOf(id)))?.find(id);
  }

  /** Must be called once for each transaction, in order, right after the store has applied it. */
  applied({ sequence, time, events, request }: Transaction): void {
    this.#forgetInvalid(time);
    if (request === undefined) return;
    this.#newest = Math.max(this.#newest, time);
    const isRecord = request instanceof Uint8Array;
    const id = isRecord ? toRequestId(request) : request;
    const number = spanOf(timeOf(id));
    let span = this.#spans.get(number);
    if (span === undefined) {
      span = new RequestTable();
      this.#spans.set(number, span);
      this.#forgetTime = Math.min(this.#forgetTime, endOf(number));
    }
    const before = span.bytes;
    if (isRecord) span.addRecord(id, request, sequence);
    else {
      const { createRevision, version } = events[0] as PutEvent;
      span.addPut(id, sequence, createRevision, version, time, this.#copyHash);
    }
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
  return rememberedRecordBytes(requestRecordBytesMax(digestBytes, mutations));
}

function spanOf(time: number): number {
  return Math.floor(time / spanMs);
}

/** The time from which all ids of the span are invalid. */
function endOf(span: number): number {
  return (span + 1) * spanMs + requestIdValidMs;
}
