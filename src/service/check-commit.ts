import type {
  Check as CheckMessage,
  CommitRequest,
  Mutation as MutationMessage,
} from "../../gen/duetkv/v1/key_value_pb.ts";
import type { Check, Mutation, Operation } from "../committer/operation.ts";
import { DuetError } from "../duet-error.ts";
import type { Limits } from "../limits.ts";
import { checkKey } from "./check-key.ts";
import { checkPrecondition } from "./check-precondition.ts";
import { checkPut } from "./check-put.ts";

type CommitLimits = Pick<Limits, "keyBytesMax" | "valueBytesMax" | "commitOperationsMax">;

/** Throws TOO_MANY_OPERATIONS, KEY_REPEATED, PRECONDITION_INVALID, REQUEST_MALFORMED or what `checkPut` does. */
export function checkCommit({ checks, mutations }: CommitRequest, limits: CommitLimits): Operation {
  const count = checks.length + mutations.length;
  if (count === 0) throw new DuetError("REQUEST_MALFORMED", "the commit has neither checks nor mutations");
  if (count > limits.commitOperationsMax) {
    throw new DuetError(
      "TOO_MANY_OPERATIONS",
      `a commit has at most ${limits.commitOperationsMax} operations`,
    );
  }
  const operation = {
    checks: checks.map((check) => toCheck(check, limits)),
    mutations: mutations.map((mutation) => toMutation(mutation, limits)),
  };
  if (new Set(operation.mutations.map(({ key }) => key)).size < mutations.length) {
    throw new DuetError("KEY_REPEATED", "a commit changes a key at most once");
  }
  return operation;
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
