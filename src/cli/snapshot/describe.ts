import { DuetError } from "../../errors.ts";
import { CommandFailure, isSystemError, usageFailure } from "../failure.ts";
import { toCountText, toSizeText } from "../units.ts";
import type { SnapshotSummary } from "./verify.ts";

/** Describes a snapshot in one line. */
export function describeSnapshot({ revision, entries, bytes, hash }: SnapshotSummary): string {
  return `revision ${revision}, ${toCountText(entries)} entries, ${toSizeText(bytes)}, hash ${hash}`;
}

/** Describes an error of reading or restoring a snapshot; rethrows other errors. */
export function describeSnapshotError(error: unknown): CommandFailure {
  if (error instanceof DuetError) {
    const outcome = error.reason === "LOG_CORRUPT" ? "found" : "failed";
    return new CommandFailure({ outcome, reason: error.reason, message: error.message }, error);
  }
  if (isSystemError(error)) return usageFailure(error.message);
  throw error;
}
