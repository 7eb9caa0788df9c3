import { UnknownFormatError } from "../../codec/fields.ts";
import type { Transaction } from "../../transaction-logger.ts";
import { type DirectoryContent, type NamedFile, snapshotName, temporaryName } from "../file-names.ts";
import { type File, readFully } from "../file-system.ts";
import { type FileHeader, formatVersion } from "../format/file-header.ts";
import { type FrameHeader, frameHeaderBytes, frameKinds, frameMarker } from "../format/frame.ts";
import { type FoundFrame, findFrames } from "../format/frame-search.ts";
import { payloadDecoder } from "../format/payload-decoder.ts";
import type { LogDirectory } from "../log-directory.ts";
import { SnapshotOutput } from "../segments/snapshot-output.ts";
import { saveCut } from "./cut.ts";
import { readFileHeader } from "./inspection.ts";

export interface Salvage {
  readonly snapshot: NamedFile;
  readonly logId: Buffer;
  /** The format version of the file; undefined when its header is lost. */
  readonly version: number | undefined;
  /** The last sequence of the frames that the snapshot replaced, and the checksum of the last one. */
  readonly last: number;
  readonly checksum: number;
  /** The number of transactions in good frames. */
  readonly kept: number;
  /** The number of lost transactions; undefined when the end frame, which contains the total, is lost, too. */
  readonly lost: number | undefined;
}

/**
 * Finds the good frames of a damaged snapshot. Frames after a bad one are kept, too: a snapshot is a state, not a
 * history. undefined when its log cannot be identified.
 */
export async function planSalvage(
  directory: LogDirectory,
  content: DirectoryContent,
  snapshot: NamedFile,
): Promise<Salvage | undefined> {
  const own = await headerOf(directory, snapshot.name);
  const next = content.segments.find(({ sequence }) => sequence > snapshot.sequence);
  const successor = next && (await headerOf(directory, next.name));
  const isOwn = own?.kind === "snapshot" && own.sequence === snapshot.sequence;
  const header = isOwn ? own : own === undefined && successor?.kind === "segment" ? successor : undefined;
  if (!header) return undefined;
  const isSuccessor =
    successor?.kind === "segment" && (!isOwn || successor.previousChecksum === own.previousChecksum);
  return directory.withFile(snapshot.name, "read", async (file) => {
    const frames: FrameHeader[] = [];
    for await (const frame of findFrames(file, frameMarker(header.logId), 0, await file.size())) {
      frames.push(frame.header);
    }
    const end = frames.findLast(({ kind }) => kind === frameKinds.endOfSnapshot);
    const lastFound = frames
      .filter(({ kind }) => kind === frameKinds.transactions)
      .reduce((latest, frame) => Math.max(latest, lastSequenceOf(frame)), snapshot.sequence);
    const lastReplaced = isSuccessor ? successor.sequence - 1 : lastFound;
    const last = end === undefined ? lastReplaced : end.firstSequence - 1;
    const kept = frames.filter((frame) => isKept(frame, last)).reduce((sum, { count }) => sum + count, 0);
    return {
      snapshot,
      logId: header.logId,
      version: isOwn ? own.version : undefined,
      last,
      checksum: header.previousChecksum,
      kept,
      lost: end === undefined ? undefined : end.count - kept,
    };
  });
}

/** Frames of later transactions do not belong to the snapshot: a segment of this log was copied over it. */
function isKept(frame: FrameHeader, last: number): boolean {
  if (frame.kind === frameKinds.transactions) return lastSequenceOf(frame) <= last;
  return frame.kind === frameKinds.snapshot;
}

function lastSequenceOf({ firstSequence, count }: FrameHeader): number {
  return firstSequence + count - 1;
}

/**
 * Replaces the snapshot by one with the good transactions, and keeps a copy of the old one. Resolves with the name of
 * the copy. The horizon of the new one is the last sequence that it replaces: with transactions missing, none after
 * an earlier horizon counts as complete.
 */
export async function applySalvage(directory: LogDirectory, salvage: Salvage): Promise<string> {
  const { name } = salvage.snapshot;
  const { last, logId } = salvage;
  const newName = snapshotName(last);
  const temporary = temporaryName(newName);
  const keptAs = await directory.withFile(name, "read", async (file) => {
    const bytes = await file.size();
    await directory.withFile(temporary, "create", async (copy) => {
      const output = new SnapshotOutput(copy, logId);
      await output.begin(last, salvage.checksum);
      for await (const frame of findFrames(file, frameMarker(logId), 0, bytes)) {
        if (!isKept(frame.header, last)) continue;
        const transactions = await readTransactions(file, frame, salvage.version);
        for (const transaction of transactions) await output.add(transaction);
      }
      await output.end(last);
      await copy.sync();
    });
    return saveCut(directory, { file: name, offset: 0, bytes }, "corrupt");
  });
  await directory.rename(temporary, newName);
  if (newName === name) await directory.sync();
  else await directory.removeDurably([name]);
  return keptAs;
}

async function headerOf(directory: LogDirectory, name: string): Promise<FileHeader | undefined> {
  const decoded = await directory.withFile(name, "read", readFileHeader);
  return decoded.verdict === "good" ? decoded.header : undefined;
}

async function readTransactions(
  file: File,
  { offset, header }: FoundFrame,
  version: number | undefined,
): Promise<Transaction[]> {
  const payload = Buffer.allocUnsafe(header.payloadBytes);
  await readFully(file, payload, offset + frameHeaderBytes);
  if (version !== undefined) return decodeAll(version, header, payload);
  try {
    return decodeAll(formatVersion, header, payload);
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof UnknownFormatError)) throw error;
    return decodeAll(1, header, payload);
  }
}

/** Throws RangeError or UnknownFormatError when the payload has another format version. */
function decodeAll(
  version: number,
  { kind, firstSequence, count }: FrameHeader,
  payload: Buffer,
): Transaction[] {
  const decoder = payloadDecoder({ version, kind, firstSequence, payload });
  const transactions = Array.from({ length: count }, () => decoder.decode());
  if (!decoder.done) throw new RangeError("bytes after the last transaction");
  return transactions;
}
