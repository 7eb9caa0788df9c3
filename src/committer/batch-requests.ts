import { DuetError } from "../errors.ts";
import { idBytesOf, type RequestId, timeOf } from "../transaction-log/codec/request-id.ts";
import { decodeRequestRecord, encodeRequestRecord } from "../transaction-log/codec/request-record.ts";
import type { RequestRecord, RequestResult } from "../transaction-log/transaction-logger.ts";
import { BatchRequestTable } from "./batch-request-table.ts";
import type { MutationResult, Operation, Outcome } from "./operation.ts";
import { isPlainPut, repeatOfPlainPut } from "./plain-put.ts";
import { digestOperation } from "./request-digest.ts";
import { type RequestIndex, requestBytesMax, requestIdValidMs } from "./request-index.ts";
import { type RememberedRecord, rememberedPutBytes, rememberedRecordBytes } from "./request-table.ts";

/**
 * The request ids that a batch is checked against: those of earlier successful requests and those of the batch itself.
 * One object serves all batches, one after the other.
 */
export class BatchRequests {
  readonly #index: RequestIndex;
  readonly #bytesMax: number;
  #time = 0;
  /** The memory of the earlier requests whose ids may be valid at the time of the batch. */
  #earlierBytes = 0;
  readonly #own = new BatchRequestTable();
  /** The memory that the requests of the batch will take. */
  #ownBytes = 0;

  /** `bytesMax` is the memory limit of the index. */
  constructor(index: RequestIndex, bytesMax: number) {
    this.#index = index;
    this.#bytesMax = bytesMax;
  }

  /** Begins a batch at `time`, and forgets the ids of the batch before. */
  begin(time: number): void {
    this.#time = time;
    this.#own.clear();
    this.#ownBytes = 0;
    this.#earlierBytes = this.#index.bytesAt(time);
  }

  /**
   * Returns the outcome of the earlier successful operation with the same id and content; undefined when there is
   * none. Throws REQUEST_ID_EXPIRED, REQUEST_ID_INVALID, REQUEST_ID_REUSED or RATE_LIMITED.
   */
  find(id: RequestId, operation: Operation): Outcome | undefined {
    // Checked before the lookup, so that the result does not depend on which ids were already forgotten.
    this.#checkTime(id);
    const own = this.#own.find(id);
    const earlier = own === undefined ? this.#index.find(id) : undefined;
    let outcome: Outcome | undefined;
    if (own !== undefined) outcome = isSameContent(own.operation, operation) ? own.outcome : undefined;
    else if (earlier === undefined) {
      this.#checkRoom(operation.mutations.length);
      return undefined;
    } else if ("record" in earlier) outcome = repeatOfRecord(earlier, operation);
    else outcome = repeatOfPlainPut(earlier, operation);
    if (outcome !== undefined) return outcome;
    throw new DuetError("REQUEST_ID_REUSED", "the request id was used for a request with other content");
  }

  /** Remembers an operation of the batch. Returns what the log has of the request. */
  add(id: RequestId, operation: Operation, outcome: Outcome): RequestId | RequestRecord {
    this.#own.add({ id, operation, outcome });
    if (isPlainPut(operation)) {
      this.#ownBytes += rememberedPutBytes;
      return id;
    }
    const record = encodeRequestRecord({
      id: idBytesOf(id),
      digest: digestOperation(operation.checks, operation.mutations),
      results: outcome.results,
    });
    this.#ownBytes += rememberedRecordBytes(record.length);
    return record;
  }

  #checkTime(id: RequestId): void {
    const ahead = timeOf(id) - this.#time;
    if (ahead < -requestIdValidMs) {
      throw new DuetError(
        "REQUEST_ID_EXPIRED",
        `the request id is ${-ahead} ms old; the limit is ${requestIdValidMs}. An earlier request with this id may have succeeded`,
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
    const bytes = this.#earlierBytes + this.#ownBytes;
    if (bytes + requestBytesMax(mutations) <= this.#bytesMax) return;
    const seconds = Math.ceil(this.#index.roomAfterMs(this.#time) / 1000);
    throw new DuetError(
      "RATE_LIMITED",
      `the request ids of the last minutes take ${bytes} bytes; the limit is ${this.#bytesMax} (--request-ids-bytes-max). Try again in ${seconds} s, or without request_id`,
      { metadata: { retry_after_ms: String(seconds * 1000) } },
    );
  }
}

function isSameContent(one: Operation, other: Operation): boolean {
  const digest = Buffer.from(digestOperation(one.checks, one.mutations));
  return digestOperation(other.checks, other.mutations).equals(digest);
}

/** The outcome of the request for a repeat of it; undefined when the operation has other content. */
function repeatOfRecord(
  { revision, record }: RememberedRecord,
  { checks, mutations }: Operation,
): Outcome | undefined {
  const { digest, results } = decodeRequestRecord(record);
  if (!digestOperation(checks, mutations).equals(digest)) return undefined;
  return { revision, results: mutations.map(({ key }, index) => toMutationResult(key, results[index])) };
}

function toMutationResult(key: string, result: RequestResult | undefined): MutationResult {
  const entry = result?.entry;
  return { entry: entry && { key, ...entry }, deleted: result?.deleted ?? false };
}
