import { randomBytes } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import { type LogSink, silentSink } from "../log-sink.ts";
import { reserveName } from "./directory.ts";
import { DiskSpace } from "./disk-space.ts";
import { DurableMark } from "./durable-mark.ts";
import { FileLog } from "./file-log.ts";
import type { FileSystem } from "./file-system.ts";
import { closeQuietly, type File, fillWithZeros, withFile } from "./file-system.ts";
import { assertSound, type InspectedFile, type Inspection, inspectLog } from "./inspection.ts";
import { type DirectoryLock, lockDirectory } from "./lock.ts";
import { nodeFileSystem } from "./node-file-system.ts";
import { settleLog } from "./recovery.ts";
import { type ActiveSegment, createSegment } from "./segment.ts";
import { SpareSegment } from "./spare-segment.ts";

/** A transaction logger, and what it says of its size. */
export type FileTransactionLogger = FileLog;

export interface FileTransactionLoggerOptions {
  /** Made when it is missing. */
  readonly directory: string;
  readonly log?: LogSink;
  /**
   * How far a segment is filled with zeros ahead; a frame that is longer makes its segment longer. By default 16 MiB, or
   * less on a small disk.
   */
  readonly segmentBytes?: number;
  /** Before the first attempt to recover from a failed write; it doubles up to fifty times this. */
  readonly recoveryDelayMs?: number;
  /** How long the durable sequence may stay unrecorded, and the free space unmeasured, while the log grows. */
  readonly watchDelayMs?: number;
  /** Called after each durable append. */
  readonly onSync?: (milliseconds: number, bytes: number) => void;
  readonly fileSystem?: FileSystem;
}

/**
 * Resolves when the whole log was read and found good, a torn end was cut off, and appends can go on. Rejects with
 * LOG_LOCKED, LOG_CORRUPT or LOG_VERSION, having changed nothing, or with the error of the file system.
 */
export async function openFileTransactionLogger(
  options: FileTransactionLoggerOptions,
): Promise<FileTransactionLogger> {
  const { fileSystem = nodeFileSystem } = options;
  const directory = resolve(options.directory);
  await fileSystem.makeDirectory(directory);
  const lock = await lockDirectory(fileSystem, directory);
  try {
    return await openLocked({ ...options, fileSystem, directory }, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openLocked(
  options: FileTransactionLoggerOptions & { readonly fileSystem: FileSystem },
  lock: DirectoryLock,
): Promise<FileTransactionLogger> {
  const { fileSystem, directory, log: sink = silentSink } = options;
  const recoveryDelayMs = options.recoveryDelayMs ?? 100;
  const segmentBytes = options.segmentBytes ?? (await defaultSegmentBytes(fileSystem, directory));
  const inspection = await inspectLog(fileSystem, directory);
  assertSound(directory, inspection);
  const space = new DiskSpace({
    fileSystem,
    directory,
    segmentBytes,
    pauseMs: 10 * recoveryDelayMs,
    sink,
    hasReserve: inspection.content.names.includes(reserveName),
  });
  const last = inspection.segments.at(-1);
  const lastFile = last && lock.takeNewestSegment(last.name);
  const logId = inspection.logId ?? randomBytes(8);
  const spare = new SpareSegment(fileSystem, directory, segmentBytes);
  const mark = new DurableMark(fileSystem, directory, logId);
  let active: ActiveSegment | undefined;
  try {
    await syncParent(fileSystem, directory);
    await settleLog(fileSystem, directory, inspection, sink);
    active =
      last && lastFile
        ? await reopenSegment(fileSystem, directory, last, lastFile, segmentBytes, sink)
        : await createFirstSegment(fileSystem, directory, spare, logId);
    await lock.markLog(logId);
    // Without the record less damage is recognised; a full disk must not stop a start.
    await mark.write(inspection.lastSequence).catch((error: unknown) => {
      sink.warn({ err: error, lastSequence: inspection.lastSequence }, "durable sequence not recorded");
    });
  } catch (error) {
    const file = active?.file ?? lastFile;
    if (file) await closeQuietly(file);
    await spare.discard();
    throw error;
  }
  const log = new FileLog({
    fileSystem,
    directory,
    lock,
    logId,
    spare,
    mark,
    space,
    segmentBytes,
    recoveryDelayMs,
    watchDelayMs: options.watchDelayMs ?? 2000,
    sink,
    onSync: options.onSync,
    active,
    ...stateOf(inspection),
  });
  await log.measure();
  return log;
}

/** A small disk must have room for a few of them. */
async function defaultSegmentBytes(fileSystem: FileSystem, directory: string): Promise<number> {
  const { totalBytes } = await fileSystem.space(directory);
  return Math.max(256 * 1024, Math.min(16 * 1024 * 1024, Math.floor(totalBytes / 32)));
}

function stateOf(inspection: Inspection) {
  const { snapshot, horizon, lastSequence, checksum } = inspection;
  return {
    snapshot: snapshot && { name: snapshot.name, horizon, bytes: snapshot.bytes },
    sealed: inspection.segments
      .slice(0, -1)
      .map(({ name, header, endOffset }) => ({ name, firstSequence: header.sequence, bytes: endOffset })),
    lastSequence,
    lastChecksum: checksum,
  };
}

async function createFirstSegment(
  fileSystem: FileSystem,
  directory: string,
  spare: SpareSegment,
  logId: Buffer,
): Promise<ActiveSegment> {
  await spare.prepared();
  return createSegment(fileSystem, directory, spare, { logId, firstSequence: 1, previousChecksum: 0 });
}

/** The directory itself may be new, and its name is in the one above, which need not be ours to open. */
async function syncParent(fileSystem: FileSystem, directory: string): Promise<void> {
  await fileSystem.syncDirectory(dirname(directory)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EACCES" && error.code !== "EPERM") throw error;
  });
}

async function reopenSegment(
  fileSystem: FileSystem,
  directory: string,
  segment: InspectedFile,
  file: File,
  segmentBytes: number,
  sink: LogSink,
): Promise<ActiveSegment> {
  const { name, header, endOffset, checksum } = segment;
  const path = join(directory, name);
  // On a descriptor of its own: without the zeros the log is slower, not worse, so a full disk must not stop a start.
  await withFile(fileSystem, path, "updateDurable", async (filler) => {
    await fillWithZeros(filler, await filler.size(), segmentBytes);
  }).catch((error) => {
    sink.warn({ err: error, file: name }, "no space could be set aside for the log");
  });
  return { name, firstSequence: header.sequence, file, offset: endOffset, checksum };
}
