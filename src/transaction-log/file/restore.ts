import { DuetError } from "../../errors.ts";
import { type LogSink, silentSink } from "../log-sink.ts";
import type { Transaction } from "../transaction-logger.ts";
import { segmentName, snapshotName, temporaryName } from "./file-names.ts";
import { closeQuietly, type FileSystem } from "./file-system.ts";
import { lockDirectory } from "./lock.ts";
import { LogDirectory } from "./log-directory.ts";
import { nodeFileSystem } from "./node-file-system.ts";
import { type OpenedLog, readLog } from "./opening.ts";
import { createSegment } from "./segments/segment.ts";
import { SnapshotOutput } from "./segments/snapshot-output.ts";

export interface RestoreFileLogOptions {
  /** Created when it is missing. */
  readonly directory: string;
  readonly log?: LogSink;
  readonly fileSystem?: FileSystem;
}

/**
 * Creates a log that begins at `horizon` with the given transactions, in order of sequence, like a log after a
 * compaction. Rejects with LOG_NOT_EMPTY when the log was ever written to, with the errors of `transactions`, and
 * with the errors of opening a log; nothing was changed then. A crash at the end may leave a log that is LOG_CORRUPT:
 * then empty the directory.
 */
export async function restoreFileLog(
  { directory: path, log: sink = silentSink, fileSystem = nodeFileSystem }: RestoreFileLogOptions,
  horizon: number,
  transactions: AsyncIterable<Transaction>,
): Promise<void> {
  const directory = new LogDirectory(fileSystem, path);
  await directory.make();
  const lock = await lockDirectory(directory);
  try {
    const opened = await readLog(directory, lock, { log: sink });
    try {
      await restoreInto(opened, horizon, transactions);
    } finally {
      await opened.spare.discard();
      await closeQuietly(opened.files.active.file);
    }
  } finally {
    await lock.release();
  }
}

async function restoreInto(
  { files, spare, sink }: OpenedLog,
  horizon: number,
  transactions: AsyncIterable<Transaction>,
): Promise<void> {
  const { directory, logId, active, lastSequence } = files;
  if (lastSequence > 0) {
    const message = `the log in ${directory.path} is not empty: it ends at sequence ${lastSequence}; restore into a new directory`;
    throw new DuetError("LOG_NOT_EMPTY", message);
  }
  const name = snapshotName(horizon);
  const temporary = temporaryName(name);
  try {
    await directory.withFile(temporary, "create", async (file) => {
      const output = new SnapshotOutput(file, logId);
      await output.begin(horizon, 0);
      for await (const transaction of transactions) await output.add(transaction);
      await output.end(horizon);
      await file.sync();
    });
  } catch (error) {
    await directory.remove(temporary).catch(() => {});
    throw error;
  }
  const firstSequence = horizon + 1;
  try {
    await directory.rename(temporary, name);
    await directory.sync();
    const next = await createSegment(directory, spare, { logId, firstSequence, previousChecksum: 0 });
    await closeQuietly(next.file);
  } catch (error) {
    await directory.removeDurably([temporary, segmentName(firstSequence), name]).catch(() => {});
    throw error;
  }
  await directory.removeDurably([active.name]).catch((error: unknown) => {
    sink.warn({ err: error, file: active.name }, "empty segment not removed; the next start tries again");
  });
}
