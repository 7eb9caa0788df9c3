import { type DirectoryContent, type NamedFile, segmentName } from "../file-names.ts";
import { type File, readFully } from "../file-system.ts";
import { decodeFileHeader, type FileHeader, fileHeaderBytes, formatVersion } from "../format/file-header.ts";
import { frameMarker } from "../format/frame.ts";
import { FrameReader, holdsTransactions } from "../format/frame-reader.ts";
import { endOfContent } from "../format/frame-search.ts";
import { readLogMark } from "../lock.ts";
import type { LogDirectory } from "../log-directory.ts";
import { readDurableMark } from "../segments/durable-mark.ts";
import { corruptError, type Damage, versionError } from "./damage.ts";
import { examineTail } from "./tail.ts";

/** A file with a good header, and the extent of its good frames. */
export interface InspectedFile {
  readonly name: string;
  readonly header: FileHeader;
  readonly bytes: number;
  /** The end of the last good frame with transactions. */
  readonly endOffset: number;
  /** The beginning of that frame; `endOffset` when there is none. */
  readonly lastFrameOffset: number;
  /** The checksum of that frame, or of the header when there is none. The next frame of this file contains it. */
  readonly checksum: number;
  readonly lastSequence: number;
  readonly frames: number;
  readonly transactions: number;
  /** Whether the file has an end frame. */
  readonly ended: boolean;
}

export interface Cut {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
}

/** The result of reading a whole log once. */
export interface Inspection {
  readonly content: DirectoryContent;
  /** Undefined when there is no log yet. */
  logId: Buffer | undefined;
  snapshot: InspectedFile | undefined;
  /** The good segments in order. The last may be good only up to its `endOffset`. */
  readonly segments: InspectedFile[];
  /** Files that an interrupted compaction had not yet deleted, oldest first. */
  readonly leftovers: string[];
  horizon: number;
  lastSequence: number;
  /** The checksum of the last frame with transactions. */
  checksum: number;
  /** The newest sequence that is recorded as durable; 0 when there is no record. */
  durableSequence: number;
  torn: Cut | undefined;
  /**
   * The last segment but one, if a crash came after the creation of the last segment, which is empty, and before the
   * end frame of this one.
   */
  unended: InspectedFile | undefined;
  /** The first damage; nothing after it was read. */
  damage: Damage | undefined;
}

/** Reads the whole log and changes nothing. Rejects with LOG_VERSION. Damage is part of the result. */
export async function inspectLog(directory: LogDirectory): Promise<Inspection> {
  const content = await directory.content();
  const inspection: Inspection = {
    content,
    logId: undefined,
    snapshot: undefined,
    segments: [],
    leftovers: [],
    horizon: 0,
    lastSequence: 0,
    checksum: 0,
    durableSequence: 0,
    torn: undefined,
    unended: undefined,
    damage: undefined,
  };
  try {
    await inspectSnapshots(directory, inspection);
    await inspectSegments(directory, inspection);
  } catch (error) {
    if (!(error instanceof FoundDamage)) throw error;
    inspection.damage = error.damage;
  }
  return inspection;
}

/** Rejects with LOG_CORRUPT when the log is damaged. */
export function assertSound(directory: LogDirectory, inspection: Inspection): void {
  if (inspection.damage) throw corruptError(directory, inspection.damage);
}

/** Ends the inspection; never thrown out of this file. */
class FoundDamage extends Error {
  readonly damage: Damage;

  constructor(damage: Damage) {
    super(damage.what);
    this.damage = damage;
  }
}

async function inspectSnapshots(directory: LogDirectory, inspection: Inspection) {
  const { snapshots, segments } = inspection.content;
  const newest = snapshots.at(-1);
  if (!newest) return;
  await directory.withFile(newest.name, "read", async (file) => {
    const header = await checkHeader(directory, file, newest, "snapshot", inspection);
    const inspected = await inspectFrames(file, newest.name, header);
    inspection.snapshot = inspected.file;
    if (!inspected.file.ended) {
      throw new FoundDamage({
        file: newest.name,
        offset: inspected.reader.offset,
        lastGoodSequence: inspected.file.lastSequence,
        what: "a bad frame in the snapshot",
      });
    }
    inspection.horizon = header.sequence;
    inspection.lastSequence = inspected.file.lastSequence;
    inspection.checksum = header.previousChecksum;
  });
  inspection.leftovers.push(...snapshots.slice(0, -1).map(({ name }) => name));
  for (const [index, { name }] of segments.entries()) {
    const next = segments[index + 1];
    if (next && next.sequence <= inspection.lastSequence + 1) inspection.leftovers.push(name);
  }
}

async function inspectSegments(directory: LogDirectory, inspection: Inspection) {
  const named = inspection.content.segments.filter(({ name }) => !inspection.leftovers.includes(name));
  if (named.length === 0 && !inspection.snapshot) {
    const marked = await readLogMark(directory);
    if (marked === undefined) return;
    throw new FoundDamage({
      file: segmentName(1),
      offset: 0,
      lastGoodSequence: 0,
      what: `log ${marked} was here, but none of its files is left`,
    });
  }
  for (const [index, { name }] of named.entries()) {
    await directory.withFile(name, "read", (file) =>
      inspectSegment(directory, file, name, named, index, inspection),
    );
  }
  const last = inspection.segments.at(-1);
  if (!last || last.ended) {
    throw new FoundDamage({
      file: segmentName(inspection.lastSequence + 1),
      offset: 0,
      lastGoodSequence: inspection.lastSequence,
      what: "the segment is missing",
    });
  }
}

async function inspectSegment(
  directory: LogDirectory,
  file: File,
  name: string,
  named: readonly NamedFile[],
  index: number,
  inspection: Inspection,
): Promise<void> {
  const damaged = (offset: number, what: string, where = name) =>
    new FoundDamage({ file: where, offset, lastGoodSequence: inspection.lastSequence, what });
  const isLast = index === named.length - 1;
  const previous = inspection.segments.at(-1);
  const header = await checkHeader(directory, file, named[index] as NamedFile, "segment", inspection);
  if (header.sequence !== inspection.lastSequence + 1 || header.previousChecksum !== inspection.checksum) {
    // Without an end frame, the previous segment may have lost frames. With one, a segment in between is missing.
    if (previous && !previous.ended) throw damaged(previous.endOffset, "a bad frame", previous.name);
    throw damaged(0, `the segment does not follow sequence ${inspection.lastSequence}`);
  }
  const { file: inspected, reader } = await inspectFrames(file, name, header);
  if (previous && !previous.ended) {
    const isEmpty =
      reader.frames === 0 && (await endOfContent(file, fileHeaderBytes, inspected.bytes)) === fileHeaderBytes;
    if (!isLast || !isEmpty) throw damaged(previous.endOffset, "a bad frame", previous.name);
    inspection.unended = previous;
  }
  inspection.segments.push(inspected);
  inspection.lastSequence = inspected.lastSequence;
  if (inspected.transactions > 0) inspection.checksum = inspected.checksum;
  if (inspected.ended || index === named.length - 2) return;
  if (!isLast) throw damaged(reader.offset, "a bad frame");
  const tail = await examineTail(file, frameMarker(header.logId), reader, inspected.bytes);
  if (tail.verdict === "corrupt") {
    throw damaged(reader.offset, `a bad frame, followed by a good one at ${tail.laterFrameOffset}`);
  }
  inspection.durableSequence = await readDurableMark(directory, header.logId);
  if (inspection.lastSequence < inspection.durableSequence) {
    throw damaged(
      reader.offset,
      `the log ends here, although sequence ${inspection.durableSequence} was durable`,
    );
  }
  if (tail.verdict === "torn") inspection.torn = { file: name, offset: reader.offset, bytes: tail.bytes };
}

async function checkHeader(
  directory: LogDirectory,
  file: File,
  named: NamedFile,
  kind: FileHeader["kind"],
  inspection: Inspection,
): Promise<FileHeader> {
  const damaged = (what: string) =>
    new FoundDamage({ file: named.name, offset: 0, lastGoodSequence: inspection.lastSequence, what });
  const decoded = await readFileHeader(file);
  if (decoded.verdict === "newer") throw versionError(directory, named.name, decoded.version, formatVersion);
  if (decoded.verdict === "bad") throw damaged("a bad file header");
  const { header } = decoded;
  inspection.logId ??= header.logId;
  if (!header.logId.equals(inspection.logId)) throw damaged("the file belongs to another log");
  if (header.kind !== kind || header.sequence !== named.sequence) {
    throw damaged(`the file is the ${header.kind} of sequence ${header.sequence} with a wrong name`);
  }
  return header;
}

export async function readFileHeader(file: File) {
  const bytes = Buffer.alloc(fileHeaderBytes);
  const filled = await readFully(file, bytes, 0);
  return decodeFileHeader(bytes.subarray(0, filled));
}

/** Reads all good frames. The reader then is at their end. */
async function inspectFrames(file: File, name: string, header: FileHeader) {
  const bytes = await file.size();
  const reader = new FrameReader(file, header, { end: bytes });
  let endOffset = fileHeaderBytes;
  let lastFrameOffset = fileHeaderBytes;
  let { checksum } = header;
  for await (const group of reader.groups()) {
    const last = group.findLast(holdsTransactions);
    if (!last) continue;
    lastFrameOffset = last.offset;
    endOffset = last.end;
    ({ checksum } = last);
  }
  const inspected: InspectedFile = {
    name,
    header,
    bytes,
    endOffset,
    lastFrameOffset,
    checksum,
    lastSequence: reader.nextSequence - 1,
    frames: reader.frames,
    transactions: reader.count,
    ended: reader.ended,
  };
  return { file: inspected, reader };
}
