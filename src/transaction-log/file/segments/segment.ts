import { segmentName, temporaryName } from "../file-names.ts";
import { closeQuietly, copyBytes, type File, fillWithZeros, writeDurably } from "../file-system.ts";
import { encodeFileHeader, fileHeaderBytes, formatVersion } from "../format/file-header.ts";
import { FrameReader } from "../format/frame-reader.ts";
import type { LogDirectory } from "../log-directory.ts";
import { corruptError } from "../repair/damage.ts";
import { readFileHeader } from "../repair/inspection.ts";
import type { SpareSegment } from "./spare-segment.ts";

/** The segment that receives appends. */
export interface ActiveSegment {
  readonly name: string;
  /** The format version of its file. */
  readonly version: number;
  readonly firstSequence: number;
  /** The checksum of the last frame before it; 0 when there is none. */
  readonly previousChecksum: number;
  file: File;
  /** The end of the last durable frame, where the next one is written. */
  offset: number;
  /** The checksum that the next frame contains. */
  checksum: number;
}

export interface SegmentStart {
  readonly logId: Buffer;
  readonly firstSequence: number;
  /** The checksum of the last frame before it; 0 when there is none. */
  readonly previousChecksum: number;
}

/** A segment with its header, not yet under its final name. */
export interface PreparedSegment extends ActiveSegment {
  readonly temporary: string;
}

/** Turns the spare into a new segment. Leaves no file when it fails. */
export async function prepareSegment(
  directory: LogDirectory,
  spare: SpareSegment,
  start: SegmentStart,
): Promise<PreparedSegment> {
  const { name: temporary, file } = await spare.take();
  try {
    const header = encodeFileHeader({
      kind: "segment",
      logId: start.logId,
      sequence: start.firstSequence,
      previousChecksum: start.previousChecksum,
    });
    await writeDurably(file, header, 0);
    return {
      temporary,
      name: segmentName(start.firstSequence),
      version: formatVersion,
      firstSequence: start.firstSequence,
      previousChecksum: start.previousChecksum,
      file,
      offset: fileHeaderBytes,
      checksum: header.readUInt32LE(fileHeaderBytes - 4),
    };
  } catch (error) {
    await closeQuietly(file);
    await directory.remove(temporary).catch(() => {});
    throw error;
  }
}

/** Gives a new segment its final name, durably. Leaves no open file when it fails. */
export async function placeSegment(
  directory: LogDirectory,
  { temporary, ...segment }: PreparedSegment,
): Promise<ActiveSegment> {
  try {
    lockSegment(segment.file, segment.name);
    await directory.rename(temporary, segment.name);
    await directory.sync();
    return segment;
  } catch (error) {
    await closeQuietly(segment.file);
    await directory.remove(temporary).catch(() => {});
    throw error;
  }
}

export async function createSegment(
  directory: LogDirectory,
  spare: SpareSegment,
  start: SegmentStart,
): Promise<ActiveSegment> {
  return placeSegment(directory, await prepareSegment(directory, spare, start));
}

/**
 * Replaces a segment whose descriptor failed by a new file with its acknowledged frames, as they are on disk, and
 * nothing else. Resolves with the new, locked file under the segment's name; the name is durable after the next sync
 * of the directory. Rejects with LOG_CORRUPT when the acknowledged frames cannot be read back.
 */
export async function rewriteSegment(
  directory: LogDirectory,
  segment: Omit<ActiveSegment, "file">,
  segmentBytes: number,
): Promise<File> {
  const temporary = temporaryName(segment.name);
  const copy = await directory.open(temporary, "createDurable");
  try {
    await directory.withFile(segment.name, "read", async (original) => {
      await assertAcknowledged(directory, original, segment);
      await copyBytes(original, copy, 0, segment.offset);
    });
    await fillWithZeros(copy, segment.offset, segmentBytes);
    await copy.sync();
    lockSegment(copy, segment.name);
    await directory.rename(temporary, segment.name);
    return copy;
  } catch (error) {
    await closeQuietly(copy);
    await directory.remove(temporary).catch(() => {});
    throw error;
  }
}

/** Locks the new active segment before it gets its final name. */
function lockSegment(file: File, name: string): void {
  if (!file.tryLock(false)) throw new Error(`another process locked the new segment ${name}`);
}

async function assertAcknowledged(
  directory: LogDirectory,
  file: File,
  segment: Omit<ActiveSegment, "file">,
): Promise<void> {
  const decoded = await readFileHeader(file);
  const damaged = (offset: number, lastGoodSequence: number) => {
    const what = "acknowledged frames cannot be read back";
    return corruptError(directory, { file: segment.name, offset, lastGoodSequence, what });
  };
  if (decoded.verdict !== "good") throw damaged(0, segment.firstSequence - 1);
  const { header } = decoded;
  const reader = new FrameReader(file, header, { end: segment.offset });
  await reader.readAll();
  if (reader.offset !== segment.offset || reader.checksum !== segment.checksum) {
    throw damaged(reader.offset, reader.nextSequence - 1);
  }
}
