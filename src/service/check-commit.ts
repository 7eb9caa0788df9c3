import type {
  Check as CheckMessage,
  CommitRequest,
  Mutation as MutationMessage,
} from "../../gen/duetkv/v1/key_value_pb.ts";
import type { Check, Mutation, Operation, Value } from "../database.ts";
import { valueBytes, valueBytesBound } from "../database.ts";
import { DuetError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { checkKey } from "./check-key.ts";
import { checkPrecondition } from "./check-precondition.ts";
import { checkPut } from "./check-put.ts";
import { toOperation } from "./to-operation.ts";

type CommitLimits = Pick<Limits, "keyBytesMax" | "valueBytesMax" | "commitOperationsMax" | "commitBytesMax">;

/** Encoded bytes of an Event and its `previous` in addition to keys and values: tags, lengths, numbers and times. */
const eventOverheadBytes = 160;

/**
 * Checks a commit. Throws TOO_MANY_OPERATIONS, KEY_REPEATED, REQUEST_TOO_LARGE, PRECONDITION_INVALID,
 * REQUEST_MALFORMED or the errors of `checkPut` and `toOperation`.
 */
export function checkCommit(request: CommitRequest, limits: CommitLimits): Operation {
  const { checks, mutations, requestId } = request;
  const count = checks.length + mutations.length;
  if (count === 0) throw new DuetError("REQUEST_MALFORMED", "the commit has neither checks nor mutations");
  if (count > limits.commitOperationsMax) {
    throw new DuetError(
      "TOO_MANY_OPERATIONS",
      `the commit has ${count} checks and mutations; the limit is ${limits.commitOperationsMax} (--commit-operations-max)`,
    );
  }
  const operation = toOperation(
    checks.map((check) => toCheck(check, limits)),
    mutations.map((mutation) => toMutation(mutation, limits)),
    requestId,
  );
  if (new Set(operation.mutations.map(({ key }) => key)).size < mutations.length) {
    throw new DuetError(
      "KEY_REPEATED",
      "two mutations of the commit have the same key; a commit changes a key at most once",
    );
  }
  // Most are far below the limit and need not be measured.
  if (watchMessageBytes(operation.mutations, valueBytesBound) <= limits.commitBytesMax) return operation;
  const bytes = watchMessageBytes(operation.mutations, valueBytes);
  if (bytes > limits.commitBytesMax) {
    throw new DuetError(
      "REQUEST_TOO_LARGE",
      `watchers receive this commit as one message of up to ${bytes} bytes; the limit is ${limits.commitBytesMax} (--commit-bytes-max). Use several commits`,
    );
  }
  return operation;
}

/** The largest WatchResponse of these mutations, for a watch with `previous`. */
function watchMessageBytes(mutations: readonly Mutation[], bytesOf: (value: Value) => number): number {
  let bytes = 0;
  for (const mutation of mutations) {
    bytes += eventOverheadBytes + 2 * bytesOf(mutation.key);
    if (mutation.type === "put") bytes += bytesOf(mutation.value);
  }
  return bytes;
}

function toCheck({ key, precondition }: CheckMessage, limits: CommitLimits): Check {
  const condition = checkPrecondition(precondition);
  if (condition === undefined) throw new DuetError("PRECONDITION_INVALID", "a check has no precondition");
  return { key: checkKey(key, limits), condition };
}

function toMutation({ kind }: MutationMessage, limits: CommitLimits): Mutation {
  switch (kind.case) {
    case "put":
      return checkPut(kind.value, limits);
    case "delete":
      return { type: "delete", key: checkKey(kind.value.key, limits), expired: false };
    case undefined:
      throw new DuetError("REQUEST_MALFORMED", "a mutation is neither a put nor a delete");
  }
}
