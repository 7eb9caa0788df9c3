import { toLine } from "../../transaction-line.ts";
import type { FileSystem } from "../file-system.ts";
import { lockDirectoryForReading } from "../lock.ts";
import { LogDirectory } from "../log-directory.ts";
import { nodeFileSystem } from "../node-file-system.ts";
import { LogReader, type ReadableFile } from "../segments/log-reader.ts";
import { assertSound, type Inspection, inspectLog } from "./inspection.ts";

/**
 * Prints each transaction of the log as a line of JSON, and changes nothing. For a damaged log it prints the
 * transactions before the damage and then rejects with LOG_CORRUPT. Rejects with LOG_LOCKED while a process has the
 * log open, and with LOG_VERSION.
 */
export async function catLog(
  directory: string,
  print: (line: string) => void,
  fileSystem: FileSystem = nodeFileSystem,
): Promise<void> {
  const log = new LogDirectory(fileSystem, directory);
  const unlock = await lockDirectoryForReading(log);
  try {
    const inspection = await inspectLog(log);
    if (inspection.logId) {
      const reader = await LogReader.open(log, inspection.logId, goodFiles(inspection));
      try {
        for await (const transactions of reader.transactions(0)) {
          for (const transaction of transactions) print(toLine(transaction));
        }
      } finally {
        await reader.close();
      }
    }
    assertSound(log, inspection);
  } finally {
    await unlock();
  }
}

function goodFiles({ snapshot, segments }: Inspection): ReadableFile[] {
  const files: ReadableFile[] = segments.map(({ name, header: { sequence }, endOffset }) => {
    return { name, kind: "segment", sequence, endOffset };
  });
  if (snapshot?.ended) {
    const { sequence } = snapshot.header;
    files.unshift({ name: snapshot.name, kind: "snapshot", sequence, endOffset: undefined });
  }
  return files;
}
