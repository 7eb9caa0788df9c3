import type { LogSink } from "../../log-sink.ts";
import { copyBytes, writeDurably } from "../file-system.ts";
import { encodeEndFrame, frameKinds, frameMarker } from "../format/frame.ts";
import type { LogDirectory } from "../log-directory.ts";
import { saveCut, truncateDurably } from "./cut.ts";
import type { InspectedFile, Inspection } from "./inspection.ts";

/**
 * Completes interrupted operations of an undamaged log so that appends can continue: it removes temporary files, cuts
 * off a torn end and keeps a copy, and completes a rotation. If it is interrupted, the next start repeats it.
 */
export async function settleLog(
  directory: LogDirectory,
  inspection: Inspection,
  sink: LogSink,
): Promise<void> {
  // A killed process may have renamed a file without a sync.
  await directory.sync();
  await directory.removeDurably([...inspection.content.temporary, ...inspection.leftovers]);
  if (inspection.torn) {
    const { torn } = inspection;
    const kept = await saveCut(directory, torn, "torn");
    await truncateDurably(directory, torn.file, torn.offset);
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
  await makeEndDurable(directory, inspection);
}

/**
 * Writes the last frame again and syncs it. The bytes that were read may be only in the page cache: the previous
 * process was killed during a write, or its sync failed, after which another sync reports no error although the disk
 * differs.
 */
async function makeEndDurable(directory: LogDirectory, { segments }: Inspection): Promise<void> {
  const last = segments.at(-1);
  if (!last) return;
  const { name, lastFrameOffset, endOffset } = last;
  const before = segments.at(-2);
  if (endOffset === lastFrameOffset) {
    if (before) await endSegment(directory, before);
    return;
  }
  await directory.withFile(name, "update", async (file) => {
    await copyBytes(file, file, lastFrameOffset, endOffset - lastFrameOffset);
    await file.sync();
  });
}

async function endSegment(directory: LogDirectory, segment: InspectedFile): Promise<void> {
  const endFrame = encodeEndFrame(frameMarker(segment.header.logId), {
    kind: frameKinds.endOfSegment,
    count: 0,
    firstSequence: segment.lastSequence + 1,
    previousChecksum: segment.checksum,
  });
  await directory.withFile(segment.name, "update", async (file) => {
    await writeDurably(file, endFrame, segment.endOffset);
  });
}
