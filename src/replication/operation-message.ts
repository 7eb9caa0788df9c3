import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  ForwardRequestSchema,
  type Operation as OperationMessage,
  type OperationSchema,
} from "../../gen/duetkv/internal/v1/forwarding_pb.ts";
import {
  type Check,
  type Condition,
  idBytesOf,
  type Mutation,
  type Operation,
  type Value,
} from "../database.ts";
import { DuetError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { checkCommit } from "../service/check-commit.ts";
import { checkTouch } from "../service/check-touch.ts";
import type { PeerCodec } from "./peer-codec.ts";

type OperationInit = MessageInitShape<typeof OperationSchema>;

/**
 * Encodes the operation of a client as a ForwardRequest with this operation alone. undefined: it has no encoding, as a
 * revision above 2^53 - 1. Operations that the engine makes itself are not forwarded.
 */
export function encodeOperation(operation: Operation, codec: PeerCodec): Uint8Array | undefined {
  try {
    return codec.encode(ForwardRequestSchema, { operations: [toOperationMessage(operation)] });
  } catch {
    return undefined;
  }
}

function toOperationMessage({ checks, mutations, requestId }: Operation): OperationInit {
  const id = new Uint8Array(requestId === undefined ? [] : idBytesOf(requestId));
  const [mutation] = mutations;
  if (mutation?.type === "touch") {
    const { key, ttlMs } = mutation;
    const [check] = checks;
    const precondition = check && toPrecondition(check.condition);
    return { kind: { case: "touch", value: { key, ttl: toDuration(ttlMs), precondition, requestId: id } } };
  }
  const value = { checks: checks.map(toCheck), mutations: mutations.map(toMutation), requestId: id };
  return { kind: { case: "commit", value } };
}

/** Decodes and checks an operation as if a client had sent it. Throws the errors of `checkCommit` and `checkTouch`. */
export function readOperation({ kind }: OperationMessage, limits: Limits): Operation {
  switch (kind.case) {
    case "commit":
      return checkCommit(kind.value, limits);
    case "touch":
      return checkTouch(kind.value, limits);
    case undefined:
      throw new DuetError("REQUEST_MALFORMED", "an operation is neither a commit nor a touch");
  }
}

function toCheck({ key, condition }: Check) {
  return { key, precondition: toPrecondition(condition) };
}

function toPrecondition(condition: Condition) {
  if ("revision" in condition) {
    if (!Number.isSafeInteger(condition.revision)) throw new RangeError("the revision is not exact");
    return { condition: { case: "revision" as const, value: BigInt(condition.revision) } };
  }
  return { condition: { case: "exists" as const, value: "exists" in condition && condition.exists } };
}

function toMutation(mutation: Mutation) {
  const { key } = mutation;
  if (mutation.type !== "put") return { kind: { case: "delete" as const, value: { key } } };
  const value = { key, ...toValueFields(mutation.value), ttl: toDuration(mutation.ttlMs) };
  return { kind: { case: "put" as const, value } };
}

function toValueFields(value: Value) {
  return typeof value === "string" ? { value } : { bytesValue: value };
}

function toDuration(milliseconds: number) {
  if (milliseconds === 0) return undefined;
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds: BigInt(seconds), nanos: (milliseconds - seconds * 1000) * 1_000_000 };
}
