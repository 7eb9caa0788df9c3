import { TransactionDecoder } from "../../transaction-codec.ts";
import type { Transaction } from "../../transaction-logger.ts";
import { type DirectoryContent, type NamedFile, temporaryName } from "../file-names.ts";
import { type File, readFully } from "../file-system.ts";
import type { FileHeader } from "../format/file-header.ts";
import { frameHeaderBytes, frameKinds, frameMarker } from "../format/frame.ts";
import { type FoundFrame, findFrames } from "../format/frame-search.ts";
import type { LogDirectory } from "../log-directory.ts";
import { SnapshotOutput } from "../segments/snapshot-output.ts";
import { saveCut } from "./cut.ts";
import { readFileHeader } from "./inspection.ts";

export interface Salvage {
  readonly snapshot: NamedFile;
  readonly logId: Buffer;
  /** Of the frame at the horizon. */
  readonly checksum: number;
  /** Transactions in frames that are good. */
  readonly kept: number;
  /** Transactions that are gone; undefined when the end frame, which has their number, is gone too. */
  readonly lost: number | undefined;
}

/**
 * What of a damaged snapshot can be kept. A snapshot is no history: the frames behind a bad one are as good as those
 * before it. Undefined when it cannot be told which log it belongs to.
 */
export async function planSalvage(
  directory: LogDirectory,
  content: DirectoryContent,
  snapshot: NamedFile,
): Promise<Salvage | undefined> {
  const own = await headerOf(directory, snapshot.name);
  const next = content.segments.find(({ sequence }) => sequence === snapshot.sequence + 1);
  const successor = next && (await headerOf(directory, next.name));
  const isOwn = own?.kind === "snapshot" && own.sequence === snapshot.sequence;
  const header = isOwn ? own : own === undefined && successor?.kind === "segment" ? successor : undefined;
  if (!header) return undefined;
  return directory.withFile(snapshot.name, "read", async (file) => {
    let kept = 0;
    let total: number | undefined;
    for await (const frame of findFrames(file, frameMarker(header.logId), 0, await file.size())) {
      if (frame.header.kind === frameKinds.snapshot) kept += frame.header.count;
      if (frame.header.kind === frameKinds.endOfSnapshot) total = frame.header.count;
    }
    const lost = total === undefined ? undefined : total - kept;
    return { snapshot, logId: header.logId, checksum: header.previousChecksum, kept, lost };
  });
}

/** Replaces the snapshot by one of what is good, and keeps the old one beside it; resolves with its name. */
export async function applySalvage(directory: LogDirectory, salvage: Salvage): Promise<string> {
  const { name, sequence } = salvage.snapshot;
  const temporary = temporaryName(name);
  const keptAs = await directory.withFile(name, "read", async (file) => {
    const bytes = await file.size();
    await directory.withFile(temporary, "create", async (copy) => {
      const output = new SnapshotOutput(copy, salvage.logId);
      await output.begin(sequence, salvage.checksum);
      for await (const frame of findFrames(file, frameMarker(salvage.logId), 0, bytes)) {
        if (frame.header.kind !== frameKinds.snapshot) continue;
        for (const transaction of await readTransactions(file, frame)) await output.add(transaction);
      }
      await output.end();
      await copy.sync();
    });
    return saveCut(directory, { file: name, offset: 0, bytes }, "corrupt");
  });
  await directory.rename(temporary, name);
  await directory.sync();
  return keptAs;
}

async function headerOf(directory: LogDirectory, name: string): Promise<FileHeader | undefined> {
  const decoded = await directory.withFile(name, "read", readFileHeader);
  return decoded.verdict === "good" ? decoded.header : undefined;
}

async function readTransactions(file: File, frame: FoundFrame): Promise<Transaction[]> {
  const payload = Buffer.allocUnsafe(frame.header.payloadBytes);
  await readFully(file, payload, frame.offset + frameHeaderBytes);
  const decoder = new TransactionDecoder(payload);
  return Array.from({ length: frame.header.count }, () => decoder.decode(undefined));
}
