import { randomBytes } from "node:crypto";
import { type LogSink, silentSink } from "../log-sink.ts";
import { reserveName } from "./file-names.ts";
import { closeQuietly, type File, fillWithZeros } from "./file-system.ts";
import { fileHeaderBytes, formatVersion } from "./format/file-header.ts";
import type { DirectoryLock } from "./lock.ts";
import type { LogDirectory } from "./log-directory.ts";
import { assertSound, type InspectedFile, type Inspection, inspectLog } from "./repair/inspection.ts";
import { settleLog } from "./repair/recovery.ts";
import { DiskSpace } from "./segments/disk-space.ts";
import { DurableMark } from "./segments/durable-mark.ts";
import { LogFiles } from "./segments/log-files.ts";
import { type ActiveSegment, createSegment } from "./segments/segment.ts";
import { SpareSegment } from "./segments/spare-segment.ts";

export interface OpeningOptions {
  readonly segmentBytes?: number | undefined;
  readonly recoveryDelayMs?: number | undefined;
  readonly log?: LogSink | undefined;
}

/** An opened log: its files and the parts that maintain them. */
export interface OpenedLog {
  readonly files: LogFiles;
  readonly lock: DirectoryLock;
  readonly spare: SpareSegment;
  readonly mark: DurableMark;
  readonly space: DiskSpace;
  readonly segmentBytes: number;
  readonly recoveryDelayMs: number;
  readonly sink: LogSink;
}

/** Reads the whole log, completes operations that a crash interrupted, and opens the active segment. */
export async function readLog(
  directory: LogDirectory,
  lock: DirectoryLock,
  options: OpeningOptions,
): Promise<OpenedLog> {
  const { log: sink = silentSink, recoveryDelayMs = 100 } = options;
  const segmentBytes = options.segmentBytes ?? (await defaultSegmentBytes(directory));
  const inspection = await inspectLog(directory);
  assertSound(directory, inspection);
  const hasReserve = inspection.content.names.includes(reserveName);
  const space = new DiskSpace({ directory, segmentBytes, pauseMs: 10 * recoveryDelayMs, sink, hasReserve });
  const last = inspection.segments.at(-1);
  const lastFile = last && lock.takeNewestSegment(last.name);
  const logId = inspection.logId ?? randomBytes(8);
  const spare = new SpareSegment(directory, segmentBytes);
  const mark = new DurableMark(directory, logId);
  let active: ActiveSegment | undefined;
  try {
    await directory.syncParent();
    await settleLog(directory, inspection, sink);
    active =
      last && lastFile
        ? await reopenSegment(directory, await inThisFormat(directory, last, lastFile), segmentBytes, sink)
        : await createFirstSegment(directory, spare, logId);
    await lock.markLog(logId);
  } catch (error) {
    const file = active?.file ?? lastFile;
    if (file) await closeQuietly(file);
    await spare.discard();
    throw error;
  }
  const files = new LogFiles({ directory, logId, active, ...stateOf(inspection) });
  return { files, lock, spare, mark, space, segmentBytes, recoveryDelayMs, sink };
}

/** Small enough that a small disk has room for several segments. */
async function defaultSegmentBytes(directory: LogDirectory): Promise<number> {
  const { totalBytes } = await directory.space();
  return Math.max(256 * 1024, Math.min(16 * 1024 * 1024, Math.floor(totalBytes / 32)));
}

function stateOf(inspection: Inspection) {
  const { snapshot, horizon, lastSequence, checksum } = inspection;
  return {
    snapshot: snapshot && {
      name: snapshot.name,
      horizon,
      last: snapshot.lastSequence,
      bytes: snapshot.bytes,
    },
    sealed: inspection.segments
      .slice(0, -1)
      .map(({ name, header: { sequence: firstSequence, previousChecksum }, endOffset: bytes }) => {
        return { name, firstSequence, previousChecksum, bytes };
      }),
    lastSequence,
    lastChecksum: checksum,
  };
}

async function createFirstSegment(
  directory: LogDirectory,
  spare: SpareSegment,
  logId: Buffer,
): Promise<ActiveSegment> {
  await spare.prepared();
  return createSegment(directory, spare, { logId, firstSequence: 1, previousChecksum: 0 });
}

/** Returns the segment, or a new one in its place if it is empty and in an older format. */
async function inThisFormat(
  directory: LogDirectory,
  { name, header, endOffset, checksum }: InspectedFile,
  file: File,
): Promise<ActiveSegment> {
  const { version, sequence: firstSequence, previousChecksum, logId } = header;
  if (version === formatVersion || endOffset > fileHeaderBytes) {
    return { name, version, firstSequence, previousChecksum, file, offset: endOffset, checksum };
  }
  // Without preallocation, so that a full disk does not prevent the start.
  const spare = new SpareSegment(directory, 0);
  const replacement = await createSegment(directory, spare, { logId, firstSequence, previousChecksum });
  await closeQuietly(file);
  return replacement;
}

async function reopenSegment(
  directory: LogDirectory,
  segment: ActiveSegment,
  segmentBytes: number,
  sink: LogSink,
): Promise<ActiveSegment> {
  const { name } = segment;
  // Uses a separate descriptor and ignores errors: a log without preallocated space is slower but safe, so a full
  // disk must not prevent the start.
  await directory
    .withFile(name, "updateDurable", async (filler) => {
      await fillWithZeros(filler, await filler.size(), segmentBytes);
    })
    .catch((error) => {
      sink.warn({ err: error, file: name }, "preallocation of log space failed");
    });
  return segment;
}
