import type { Output } from "../output.ts";
import { Progress } from "../progress.ts";
import { describeSnapshotError } from "./describe.ts";
import type { OnRead } from "./verify.ts";

/** Reads a snapshot file, and shows how much of it was read. Rejects with CommandFailure. */
export async function withProgress<Result>(
  { quiet }: Output,
  read: (onRead: OnRead) => Promise<Result>,
): Promise<Result> {
  const progress = new Progress("bytes", quiet);
  try {
    return await read((bytes, total) => progress.update(bytes, total));
  } catch (error) {
    throw describeSnapshotError(error);
  } finally {
    progress.end();
  }
}
