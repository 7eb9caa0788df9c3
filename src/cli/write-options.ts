import { CallError } from "./client/call-error.ts";
import type { Precondition } from "./client/messages.ts";
import { describeCallError } from "./describe-call-error.ts";
import { usageFailure } from "./failure.ts";

/** Builds the precondition of a write in the contract's JSON. Throws CommandFailure. */
export function toPrecondition(ifRevision: string | undefined, ifNew = false): Precondition | undefined {
  if (ifRevision !== undefined && ifNew) throw usageFailure("--if-new and --if-revision exclude each other");
  if (ifRevision === "0") {
    throw usageFailure("0 is not the revision of an entry", "To write only a new key: duetkv put --if-new.");
  }
  if (ifNew) return { exists: false };
  return ifRevision === undefined ? undefined : { revision: ifRevision };
}

/** Describes a revision mismatch with the expected revision. */
export async function expectRevision<Result>(
  ifRevision: string | undefined,
  write: Promise<Result>,
): Promise<Result> {
  try {
    return await write;
  } catch (error) {
    throw error instanceof CallError ? describeCallError(error, ifRevision) : error;
  }
}

/** Formats a duration in protobuf's JSON. */
export function toDuration(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : `${ms / 1000}s`;
}
