import { requestTime } from "../transaction-log/request-time.ts";
import type { RequestRecord, RequestResult, Transaction } from "../transaction-log/transaction-logger.ts";

/** A request id is valid while the time in it is at most this far from that of the log, before or after, in milliseconds. */
export const requestIdValidMs = 10 * 60_000;

/** What a request that has succeeded returned. */
export interface RememberedRequest {
  readonly revision: number;
  /** `RequestRecord.digest`. */
  readonly digest: string;
  readonly results: readonly RequestResult[];
}

interface Span {
  /** By id. */
  readonly requests: Map<string, string>;
  bytes: number;
}

/** Ids whose times are in the same span of so many milliseconds are forgotten together. */
const spanMs = 10_000;

/** What a remembered request occupies beside its text: the id, the header of the text, and places in a map that grows. */
const requestOverheadBytes = 168;

/**
 * The requests with an id that have succeeded, as long as their ids are valid. All replicas remember the same, because
 * all of it comes from the log: of each transaction with a request record, in order, whoever appended it.
 *
 * A request is kept as one short text, its id, digest and results; objects would take three times as much.
 */
export class RequestIndex {
  /** By the span in which the time of the id is. */
  readonly #spans = new Map<number, Span>();
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

  find(id: string): RememberedRequest | undefined {
    const packed = this.#spans.get(spanOf(id))?.requests.get(id);
    return packed === undefined ? undefined : unpack(packed);
  }

  /** Called once for each transaction, in order, right after the store has applied it. */
  applied({ sequence, time, request }: Transaction): void {
    this.forgetInvalid(time);
    if (request === undefined) return;
    this.#newest = Math.max(this.#newest, time);
    const number = spanOf(request.id);
    let span = this.#spans.get(number);
    if (span === undefined) {
      span = { requests: new Map(), bytes: 0 };
      this.#spans.set(number, span);
      this.#forgetTime = Math.min(this.#forgetTime, endOf(number));
    }
    const packed = pack(sequence, request);
    const bytes = requestOverheadBytes + packed.length;
    span.requests.set(request.id, packed);
    span.bytes += bytes;
    this.#bytes += bytes;
    this.#size++;
  }

  /** Drops requests whose ids are no longer valid at `time`, which the log has reached or will not go back behind. */
  forgetInvalid(time: number): void {
    if (time < this.#forgetTime || this.#spans.size === 0) return;
    this.#forgetTime = Number.POSITIVE_INFINITY;
    for (const [number, { requests, bytes }] of this.#spans) {
      if (time < endOf(number)) {
        this.#forgetTime = Math.min(this.#forgetTime, endOf(number));
      } else {
        this.#spans.delete(number);
        this.#size -= requests.size;
        this.#bytes -= bytes;
        this.#onForgotten(bytes);
      }
    }
  }
}

/** The most that a request with so many mutations will occupy. */
export function requestBytesMax(mutations: number): number {
  return requestOverheadBytes + 128 + mutations * 84;
}

function spanOf(id: string): number {
  return Math.floor(requestTime(id) / spanMs);
}

/** When no id of the span is valid any more. */
function endOf(span: number): number {
  return (span + 1) * spanMs + requestIdValidMs;
}

/** Results as numbers: 0 or 1 of a delete, the five of an entry. */
function pack(sequence: number, { digest, results }: RequestRecord): string {
  const packed = results.map((result) =>
    result.type === "delete"
      ? Number(result.deleted)
      : [result.revision, result.createRevision, result.version, result.updateTime, result.expireTime],
  );
  return JSON.stringify([digest, sequence, packed]);
}

function unpack(text: string): RememberedRequest {
  const [digest, revision, packed] = JSON.parse(text) as [string, number, (number | EntryNumbers)[]];
  const results = packed.map((result): RequestResult => {
    if (typeof result === "number") return { type: "delete", deleted: result === 1 };
    const [entryRevision, createRevision, version, updateTime, expireTime] = result;
    return { type: "entry", revision: entryRevision, createRevision, version, updateTime, expireTime };
  });
  return { revision, digest, results };
}

type EntryNumbers = readonly [number, number, number, number, number];
