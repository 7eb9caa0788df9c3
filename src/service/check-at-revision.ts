import { DuetError } from "../errors.ts";

/** Checks the revision to read at; 0: the newest. Throws REVISION_INVALID. */
export function checkAtRevision(atRevision: bigint): number {
  if (atRevision < 0n) throw new DuetError("REVISION_INVALID", "at_revision is negative");
  return Number(atRevision);
}
