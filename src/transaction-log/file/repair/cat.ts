import type { RequestRecord, Transaction, TransactionEvent } from "../../transaction-logger.ts";
import type { FileSystem } from "../file-system.ts";
import { lockDirectoryForReading } from "../lock.ts";
import { LogDirectory } from "../log-directory.ts";
import { nodeFileSystem } from "../node-file-system.ts";
import { LogReader, type ReadableFile } from "../segments/log-reader.ts";
import { assertSound, type Inspection, inspectLog } from "./inspection.ts";

/**
 * Prints each transaction of the log as a line of JSON, and changes nothing. Of a damaged log it prints what stands
 * before the damage, and then rejects with LOG_CORRUPT. Rejects with LOG_LOCKED while a process has the log open, and
 * with LOG_VERSION.
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

function toLine({ sequence, time, events, request }: Transaction): string {
  return JSON.stringify({
    sequence,
    time: toTimestamp(time),
    events: events.map(toJson),
    ...(request && { request: requestToJson(request) }),
  });
}

function requestToJson({ id, digest, results }: RequestRecord): object {
  return { id: Buffer.from(id).toString("hex"), digest: Buffer.from(digest).toString("hex"), results };
}

function toJson(event: TransactionEvent): object {
  if (event.type === "delete") return { type: "delete", key: event.key, expired: event.expired };
  if (event.type === "touch") return { type: "touch", key: event.key, ...expiryToJson(event.expireTime) };
  const { key, value, createRevision, version, expireTime } = event;
  const content =
    typeof value === "string" ? { value } : { bytesValue: Buffer.from(value).toString("base64") };
  return { type: "put", key, ...content, createRevision, version, ...expiryToJson(expireTime) };
}

function expiryToJson(expireTime: number): object {
  return expireTime === 0 ? {} : { expireTime: toTimestamp(expireTime) };
}

/** RFC 3339; a number of milliseconds where the calendar of JavaScript ends. */
function toTimestamp(milliseconds: number): string | number {
  return milliseconds > 8.64e15 ? milliseconds : new Date(milliseconds).toISOString();
}
