import { join } from "node:path";
import { TransactionDecoder } from "../transaction-codec.ts";
import type { Transaction } from "../transaction-logger.ts";
import { saveCut } from "./cut.ts";
import { type DirectoryContent, type NamedFile, temporaryName } from "./directory.ts";
import type { FileHeader } from "./file-header.ts";
import { type File, type FileSystem, readFully, withFile } from "./file-system.ts";
import { frameHeaderBytes, frameKinds, frameMarker } from "./frame.ts";
import { type FoundFrame, findFrames } from "./frame-search.ts";
import { readFileHeader } from "./inspection.ts";
import { SnapshotOutput } from "./snapshot-output.ts";

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
  fileSystem: FileSystem,
  directory: string,
  content: DirectoryContent,
  snapshot: NamedFile,
): Promise<Salvage | undefined> {
  const own = await headerOf(fileSystem, directory, snapshot.name);
  const next = content.segments.find(({ sequence }) => sequence === snapshot.sequence + 1);
  const successor = next && (await headerOf(fileSystem, directory, next.name));
  const isOwn = own?.kind === "snapshot" && own.sequence === snapshot.sequence;
  const header = isOwn ? own : own === undefined && successor?.kind === "segment" ? successor : undefined;
  if (!header) return undefined;
  return withFile(fileSystem, join(directory, snapshot.name), "read", async (file) => {
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
export async function applySalvage(
  fileSystem: FileSystem,
  directory: string,
  salvage: Salvage,
): Promise<string> {
  const { name, sequence } = salvage.snapshot;
  const path = join(directory, name);
  const temporary = join(directory, temporaryName(name));
  const keptAs = await withFile(fileSystem, path, "read", async (file) => {
    const bytes = await file.size();
    await withFile(fileSystem, temporary, "create", async (copy) => {
      const output = new SnapshotOutput(copy, salvage.logId);
      await output.begin(sequence, salvage.checksum);
      for await (const frame of findFrames(file, frameMarker(salvage.logId), 0, bytes)) {
        if (frame.header.kind !== frameKinds.snapshot) continue;
        for (const transaction of await readTransactions(file, frame)) await output.add(transaction);
      }
      await output.end(sequence);
      await copy.sync();
    });
    return saveCut(fileSystem, directory, { file: name, offset: 0, bytes }, "corrupt");
  });
  await fileSystem.rename(temporary, path);
  await fileSystem.syncDirectory(directory);
  return keptAs;
}

async function headerOf(
  fileSystem: FileSystem,
  directory: string,
  name: string,
): Promise<FileHeader | undefined> {
  const decoded = await withFile(fileSystem, join(directory, name), "read", readFileHeader);
  return decoded.verdict === "good" ? decoded.header : undefined;
}

async function readTransactions(file: File, frame: FoundFrame): Promise<Transaction[]> {
  const payload = Buffer.allocUnsafe(frame.header.payloadBytes);
  await readFully(file, payload, frame.offset + frameHeaderBytes);
  const decoder = new TransactionDecoder(payload);
  return Array.from({ length: frame.header.count }, () => decoder.decode(undefined));
}
