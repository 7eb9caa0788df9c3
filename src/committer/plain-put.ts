import { hashOf } from "../store/state-hash.ts";
import { idBytesOf, type RequestId } from "../transaction-log/codec/request-id.ts";
import { encodeRequestRecord } from "../transaction-log/codec/request-record.ts";
import type { PutEvent, RequestRecord, Transaction } from "../transaction-log/transaction-logger.ts";
import type { Operation, Outcome } from "./operation.ts";
import { digestOperation } from "./request-digest.ts";
import type { RememberedPut } from "./request-table.ts";

/**
 * Whether an operation is one put without checks or time to live. The entry that it puts has all of its content and its
 * outcome. So the log needs only its request id, and the hash of the entry, which the store computes in any case, tells
 * whether a repeat has the same content.
 */
export function isPlainPut({ checks, mutations }: Operation): boolean {
  if (checks.length > 0 || mutations.length !== 1) return false;
  const [mutation] = mutations;
  return mutation?.type === "put" && mutation.ttlMs === 0;
}

/** The outcome of a plain put for a repeat of it; undefined when `operation` has other content. */
export function repeatOfPlainPut({ result, hash }: RememberedPut, operation: Operation): Outcome | undefined {
  const [mutation] = operation.mutations;
  if (!isPlainPut(operation) || mutation?.type !== "put") return undefined;
  const { key, value } = mutation;
  const hashOfRepeat = hashOf({ key, value, ...result });
  if (hash.some((word, index) => word !== hashOfRepeat[index])) return undefined;
  return { revision: result.revision, results: [{ entry: { key, ...result }, deleted: false }] };
}

/** The record of a plain put, which needs no event. */
export function recordOfPlainPut(
  id: RequestId,
  { key, value, createRevision, version, expireTime }: PutEvent,
  { sequence, time }: Pick<Transaction, "sequence" | "time">,
): RequestRecord {
  const entry = { revision: sequence, createRevision, version, updateTime: time, expireTime };
  return encodeRequestRecord({
    id: idBytesOf(id),
    digest: digestOperation([], [{ type: "put", key, value, ttlMs: 0 }]),
    results: [{ entry, deleted: false }],
  });
}
