import { join } from "node:path";
import type { LogSink } from "../log-sink.ts";
import { saveCut, truncateDurably } from "./cut.ts";
import { copyBytes, type FileSystem, withFile, writeDurably } from "./file-system.ts";
import { encodeEndFrame, frameKinds, frameMarker } from "./frame.ts";
import type { InspectedFile, Inspection } from "./inspection.ts";

/**
 * Brings a sound log from whatever a crash left to the state in which appends go on: half-done work is removed, a torn
 * end is cut off and kept beside, a rotation is completed. A crash in between leaves work for the next start, no more.
 */
export async function settleLog(
  fileSystem: FileSystem,
  directory: string,
  inspection: Inspection,
  sink: LogSink,
): Promise<void> {
  // A process that was killed may have renamed and not yet synced.
  await fileSystem.syncDirectory(directory);
  await removeFiles(fileSystem, directory, [...inspection.content.temporary, ...inspection.leftovers]);
  if (inspection.torn) {
    const { torn } = inspection;
    const kept = await saveCut(fileSystem, directory, torn, "torn");
    await truncateDurably(fileSystem, join(directory, torn.file), torn.offset);
    sink.warn(
      {
        file: torn.file,
        offset: torn.offset,
        bytes: torn.bytes,
        kept,
        lastSequence: inspection.lastSequence,
      },
      "the log ended in an append that was never acknowledged; it was cut off",
    );
  }
  await makeEndDurable(fileSystem, directory, inspection);
}

/**
 * What was read at the end may be in the cache only: the process before was killed in the middle of a write, or its sync
 * failed, after which the cache and the disk differ and no sync will tell. So the last thing written is written again.
 */
async function makeEndDurable(
  fileSystem: FileSystem,
  directory: string,
  { segments }: Inspection,
): Promise<void> {
  const last = segments.at(-1);
  if (!last) return;
  const { name, lastFrameOffset, endOffset } = last;
  const before = segments.at(-2);
  if (endOffset === lastFrameOffset) {
    if (before) await endSegment(fileSystem, directory, before);
    return;
  }
  await withFile(fileSystem, join(directory, name), "update", async (file) => {
    await copyBytes(file, file, lastFrameOffset, endOffset - lastFrameOffset);
    await file.sync();
  });
}

/** In the given order; resolves when they are gone for good. One that is gone already is fine. */
export async function removeFiles(
  fileSystem: FileSystem,
  directory: string,
  names: readonly string[],
): Promise<void> {
  if (names.length === 0) return;
  for (const name of names) {
    await fileSystem.remove(join(directory, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
  }
  await fileSystem.syncDirectory(directory);
}

async function endSegment(fileSystem: FileSystem, directory: string, segment: InspectedFile): Promise<void> {
  const endFrame = encodeEndFrame(frameMarker(segment.header.logId), {
    kind: frameKinds.endOfSegment,
    count: 0,
    firstSequence: segment.lastSequence + 1,
    previousChecksum: segment.checksum,
  });
  await withFile(fileSystem, join(directory, segment.name), "update", async (file) => {
    await writeDurably(file, endFrame, segment.endOffset);
  });
}
