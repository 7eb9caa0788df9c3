import { DuetError } from "../errors.ts";
import { requestTime } from "../transaction-log/request-time.ts";
import type { RequestRecord, RequestResult } from "../transaction-log/transaction-logger.ts";
import type { MutationResult, Operation, OperationRequest, Outcome } from "./operation.ts";
import { type RequestIndex, requestBytesMax, requestIdValidMs } from "./request-index.ts";

interface OwnRequest {
  readonly digest: string;
  readonly outcome: Outcome;
}

/** What the operations of one batch must know of request ids: of those that have succeeded, and of the batch's own. */
export class BatchRequests {
  readonly #index: RequestIndex;
  readonly #bytesMax: number;
  readonly #time: number;
  #own: Map<string, OwnRequest> | undefined;
  #bytes = 0;

  /** `time` is that of the batch, `bytesMax` what the index may occupy. */
  constructor(index: RequestIndex, bytesMax: number, time: number) {
    this.#index = index;
    this.#bytesMax = bytesMax;
    this.#time = time;
    index.forgetInvalid(time);
  }

  /**
   * The outcome of the first operation with the same id and content; undefined when there was none that succeeded. Throws
   * REQUEST_ID_EXPIRED, REQUEST_ID_INVALID, REQUEST_ID_REUSED or RATE_LIMITED.
   */
  find({ id, digest }: OperationRequest, { mutations }: Operation): Outcome | undefined {
    // Before anything is looked up, so that it does not depend on what has been forgotten by now.
    this.#checkTime(id);
    const earlier = this.#own?.get(id) ?? this.#index.find(id);
    if (earlier === undefined) {
      this.#checkRoom(mutations.length);
      return undefined;
    }
    if (earlier.digest !== digest) {
      throw new DuetError("REQUEST_ID_REUSED", "the request id was used for a request with other content");
    }
    if ("outcome" in earlier) return earlier.outcome;
    const { revision, results } = earlier;
    return { revision, results: mutations.map(({ key }, index) => toMutationResult(key, results[index])) };
  }

  /** Remembers an operation of the batch. Returns what is to be logged of it. */
  add({ id, digest }: OperationRequest, outcome: Outcome): RequestRecord {
    this.#own ??= new Map();
    this.#own.set(id, { digest, outcome });
    this.#bytes += requestBytesMax(outcome.results.length);
    return { id, digest, results: outcome.results.map(toRequestResult) };
  }

  #checkTime(id: string): void {
    const ahead = requestTime(id) - this.#time;
    if (ahead < -requestIdValidMs) {
      throw new DuetError(
        "REQUEST_ID_EXPIRED",
        `the request id is ${-ahead} ms old; the limit is ${requestIdValidMs}. The request may have happened before`,
      );
    }
    if (ahead > requestIdValidMs) {
      throw new DuetError(
        "REQUEST_ID_INVALID",
        `the time of the request id is ${ahead} ms ahead of the server's; the limit is ${requestIdValidMs}`,
      );
    }
  }

  #checkRoom(mutations: number): void {
    if (this.#index.bytes + this.#bytes + requestBytesMax(mutations) <= this.#bytesMax) return;
    throw new DuetError(
      "RATE_LIMITED",
      `${this.#index.size} request ids of the last minutes take ${this.#index.bytes} bytes; the limit is ${this.#bytesMax} (--request-ids-bytes-max). Try again later, or without request_id`,
    );
  }
}

function toRequestResult({ entry, deleted }: MutationResult): RequestResult {
  if (entry === undefined) return { type: "delete", deleted };
  const { revision, createRevision, version, updateTime, expireTime } = entry;
  return { type: "entry", revision, createRevision, version, updateTime, expireTime };
}

function toMutationResult(key: string, result: RequestResult | undefined): MutationResult {
  if (result?.type !== "entry") return { entry: undefined, deleted: result?.deleted ?? false };
  const { type: _type, ...numbers } = result;
  return { entry: { key, ...numbers }, deleted: false };
}
