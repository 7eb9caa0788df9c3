import { setImmediate as nextTurn } from "node:timers/promises";
import { DuetError } from "../../../errors.ts";
import { retain } from "../../retain.ts";
import type { Retention } from "../../transaction-logger.ts";
import { snapshotName, temporaryName } from "../file-names.ts";
import { closeQuietly, type File } from "../file-system.ts";
import type { LogDirectory } from "../log-directory.ts";
import type { LogReader } from "./log-reader.ts";
import { SnapshotOutput } from "./snapshot-output.ts";

/** Small, so that the work between two yields takes well under a millisecond. */
const readChunkBytes = 32 * 1024;
const sliceMs = 0.3;

/** The beginning of the first segment that stays: the first end of a segment after the horizon. */
export interface Boundary {
  /** The sequence before it. */
  readonly last: number;
  /** The checksum of the last frame before it. */
  readonly checksum: number;
  /** The used bytes of the segments that stay. */
  readonly bytesAfter: number;
}

export interface SnapshotRequest {
  readonly directory: LogDirectory;
  readonly logId: Buffer;
  readonly retention: Retention;
  readonly boundary: Boundary;
  /** The previous snapshot and the segments up to the boundary. */
  readonly source: LogReader;
  /** Checked at each yield; true stops the compaction with LOG_UNAVAILABLE. */
  readonly isStopped: () => boolean;
}

export interface Snapshot {
  readonly name: string;
  readonly horizon: number;
  /** The segments after the snapshot begin after this sequence. */
  readonly last: number;
  readonly bytes: number;
}

/** Writes the snapshot. Resolves when it is durable; when it rejects, no part of it is left. */
export async function writeSnapshot(request: SnapshotRequest): Promise<Snapshot> {
  const { directory } = request;
  const { horizon } = request.retention;
  const { last } = request.boundary;
  const name = snapshotName(horizon);
  const temporary = temporaryName(name);
  const file = await directory.open(temporary, "create");
  try {
    const bytes = await writeContent(file, request);
    await file.sync();
    await directory.rename(temporary, name);
    await directory.sync();
    return { name, horizon, last, bytes };
  } catch (error) {
    // All files that it was made from are still there, so it can be removed even after the rename.
    await directory.remove(temporary).catch(() => directory.remove(name).catch(() => {}));
    throw error;
  } finally {
    await closeQuietly(file);
  }
}

async function writeContent(file: File, request: SnapshotRequest): Promise<number> {
  const { logId, retention, boundary } = request;
  const { horizon } = retention;
  const output = new SnapshotOutput(file, logId);
  await output.begin(horizon, boundary.checksum);
  let sliceEnd = performance.now() + sliceMs;
  for await (const frames of request.source.frames(readChunkBytes)) {
    for (const frame of frames) {
      for (const transaction of request.source.decode(frame)) {
        const { sequence } = transaction;
        if (sequence === horizon + 1) await output.passHorizon();
        const kept = sequence > horizon ? transaction : retain(transaction, retention);
        const flushed = kept && output.add(kept);
        if (flushed) await flushed;
        if (performance.now() < sliceEnd) continue;
        await nextTurn();
        sliceEnd = performance.now() + sliceMs;
        if (request.isStopped()) {
          throw new DuetError("LOG_UNAVAILABLE", "the compaction was stopped because the log is closing");
        }
      }
    }
  }
  return output.end(boundary.last);
}
