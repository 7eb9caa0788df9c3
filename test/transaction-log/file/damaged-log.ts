import { crc32 } from "node:zlib";
import { expect } from "vitest";
import {
  type FileTransactionLogger,
  type FileTransactionLoggerOptions,
  openFileTransactionLogger,
} from "../../../src/transaction-log/file/file-transaction-logger.ts";
import type { Transaction } from "../../../src/transaction-log/transaction-logger.ts";
import { expectSame } from "../../support/same.ts";
import { LogModel, readAll } from "../log-model.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";

export const directory = "/data";
const segmentBytes = 1024;

export function pathOf(name: string): string {
  return `${directory}/${name}`;
}

export function openIn(
  fileSystem: MemoryFileSystem,
  options: Partial<FileTransactionLoggerOptions> = {},
): Promise<FileTransactionLogger> {
  return openFileTransactionLogger({ directory, segmentBytes, fileSystem, recoveryDelayMs: 0, ...options });
}

/** Names of the files that hold the log itself. */
export function logFiles(fileSystem: MemoryFileSystem): string[] {
  return fileSystem.names().filter((name) => !["lock", "durable-sequence", "reserve"].includes(name));
}

/** A log, what it must hold, and where the used part of each file ends. */
export interface MadeLog {
  readonly fileSystem: MemoryFileSystem;
  readonly model: LogModel;
  /** Snapshot first, then segments. */
  readonly files: readonly { readonly name: string; readonly end: number }[];
  /** Where the last frame begins, in the last file. */
  readonly lastFrame: number;
}

/**
 * Appends the batches in turn, and compacts after those whose index is in `compactAfter`. In the end the log is closed,
 * or its process is killed before it has recorded that the last segment is durable. Compactions leave the last `history`
 * transactions whole.
 */
export async function makeLog(
  batches: readonly (readonly Transaction[])[],
  compactAfter: readonly number[] = [],
  end: "close" | "kill" = "close",
  history = 0,
): Promise<MadeLog> {
  const fileSystem = new MemoryFileSystem({ durableWrites: true });
  const model = new LogModel();
  const log = await openIn(fileSystem);
  let lastFrame = 0;
  for (const [index, batch] of batches.entries()) {
    await log.append(model.lastSequence, batch);
    model.transactions.push(...batch);
    if (compactAfter.includes(index)) {
      await log.compact(model.retentionAt(model.lastSequence - history));
    }
  }
  const recorded = Buffer.from(fileSystem.content(pathOf("durable-sequence")));
  await log.close();
  if (end === "kill") fileSystem.replace(pathOf("durable-sequence"), recorded);
  const names = logFiles(fileSystem);
  names.sort((one, other) => Number(other.endsWith("snapshot")) - Number(one.endsWith("snapshot")));
  const files = names.map((name) => {
    const content = fileSystem.content(pathOf(name));
    let offset = 40;
    while (offset + 32 <= content.length && content.readUInt32LE(offset) !== 0) {
      lastFrame = offset;
      offset += 36 + content.readUInt32LE(offset + 8);
    }
    return { name, end: offset };
  });
  return { fileSystem, model, files, lastFrame };
}

export function flipByte(fileSystem: MemoryFileSystem, name: string, offset: number, mask = 0xff): void {
  const content = Buffer.from(fileSystem.content(pathOf(name)));
  content[offset] = (content[offset] as number) ^ mask;
  fileSystem.replace(pathOf(name), content);
}

/** Cuts the file off, or, as a preallocated file would have it, puts zeros there. */
export function cutAt(
  fileSystem: MemoryFileSystem,
  name: string,
  offset: number,
  how: "short" | "zeros",
): void {
  const content = fileSystem.content(pathOf(name));
  const kept = Buffer.from(content.subarray(0, offset));
  const zeros = Buffer.alloc(how === "zeros" ? content.length - offset : 0);
  fileSystem.replace(pathOf(name), Buffer.concat([kept, zeros]));
}

export function fixHeaderChecksum(content: Buffer): void {
  content.writeUInt32LE(crc32(content.subarray(0, 36)), 36);
}

export async function expectRefused(fileSystem: MemoryFileSystem, reason = "LOG_CORRUPT"): Promise<void> {
  const before = fileSystem.names();
  const error = await openIn(fileSystem).then(
    async (log) => {
      await log.close();
      return undefined;
    },
    (rejected: unknown) => rejected,
  );
  expect(error).toMatchObject({ reason });
  expectSame(fileSystem.names(), before);
  expectSame(fileSystem.openFiles, 0);
}

/** Asserts that the log opens with exactly these transactions, takes more, and opens again. */
export async function expectOpens(
  fileSystem: MemoryFileSystem,
  expected: readonly Transaction[],
): Promise<void> {
  const model = new LogModel();
  model.transactions.push(...expected);
  const log = await openIn(fileSystem);
  await model.expectIn(log);
  const more: Transaction = {
    sequence: model.lastSequence + 1,
    time: 1,
    events: [{ type: "delete", key: "more", expired: false }],
    request: undefined,
  };
  await log.append(model.lastSequence, [more]);
  await log.close();
  const reopened = await openIn(fileSystem);
  const after = await readAll(reopened, model.lastSequence);
  await reopened.close();
  expectSame(
    after.map(({ sequence }) => sequence),
    [more.sequence],
  );
  expectSame(fileSystem.openFiles, 0);
}
