import { requestRecordBytesMax, requestTime } from "../transaction-log/codec/request-record.ts";
import type { Transaction } from "../transaction-log/transaction-logger.ts";
import { digestBytes } from "./request-digest.ts";
import { type RememberedRequest, RequestTable, recordBytes } from "./request-table.ts";

/** A request id is valid while the time in it is at most this far from that of the log, before or after, in milliseconds. */
export const requestIdValidMs = 10 * 60_000;

/** Ids whose times are in the same span of so many milliseconds are forgotten together. */
const spanMs = 10_000;

/**
 * The requests with an id that have succeeded, as long as their ids are valid. All replicas remember the same, because
 * all of it comes from the log: of each transaction with a request record, in order, whoever appended it.
 */
export class RequestIndex {
  /** By the span in which the time of the id is. */
  readonly #spans = new Map<number, RequestTable>();
  readonly #onForgotten: (bytes: number) => void;
  #bytes = 0;
  #size = 0;
  /** The time of the newest transaction with a request record. */
  #newest = 0;
  /** When a span is the next to be forgotten, at the earliest. */
  #forgetTime = 0;

  /** `onForgotten` is called with what the forgotten requests occupied. */
  constructor(onForgotten: (bytes: number) => void = () => {}) {
    this.#onForgotten = onForgotten;
  }

  /** What the remembered requests occupy. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many requests are remembered. */
  get size(): number {
    return this.#size;
  }

  /**
   * Compaction may drop request records with ids of an earlier time. It is that of the newest record, not of the clock: that
   * record then stays in the log, and with it, also after a restart with a clock that was set back, the time at which all
   * dropped ids are no longer valid.
   */
  get neededSince(): number {
    return this.#newest - requestIdValidMs;
  }

  /** `id` is a UUIDv7 of 16 bytes. */
  find(id: Uint8Array): RememberedRequest | undefined {
    return this.#spans.get(spanOf(id))?.find(id);
  }

  /** Called once for each transaction, in order, right after the store has applied it. */
  applied({ sequence, time, request }: Transaction): void {
    this.forgetInvalid(time);
    if (request === undefined) return;
    this.#newest = Math.max(this.#newest, time);
    const number = spanOf(request);
    let span = this.#spans.get(number);
    if (span === undefined) {
      span = new RequestTable();
      this.#spans.set(number, span);
      this.#forgetTime = Math.min(this.#forgetTime, endOf(number));
    }
    const before = span.bytes;
    span.add(request, sequence);
    this.#bytes += span.bytes - before;
    this.#size++;
  }

  /** When the oldest requests are forgotten, in milliseconds from `time`; at least 1 s, at most when an id is forgotten. */
  roomAfterMs(time: number): number {
    return Math.min(Math.max(this.#forgetTime - time, 1000), 2 * requestIdValidMs + spanMs);
  }

  /** Drops requests whose ids are no longer valid at `time`, which the log has reached or will not go back behind. */
  forgetInvalid(time: number): void {
    if (time < this.#forgetTime || this.#spans.size === 0) return;
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

/** The most that a request with so many mutations will occupy. */
export function requestBytesMax(mutations: number): number {
  return recordBytes(requestRecordBytesMax(digestBytes, mutations));
}

function spanOf(id: Uint8Array): number {
  return Math.floor(requestTime(id) / spanMs);
}

/** When no id of the span is valid any more. */
function endOf(span: number): number {
  return (span + 1) * spanMs + requestIdValidMs;
}
