import type { LogSink } from "../../log-sink.ts";
import { copyBytes, writeDurably } from "../file-system.ts";
import { encodeEndFrame, frameKinds, frameMarker } from "../format/frame.ts";
import type { LogDirectory } from "../log-directory.ts";
import { saveCut, truncateDurably } from "./cut.ts";
import type { InspectedFile, Inspection } from "./inspection.ts";

/**
 * Brings a sound log from whatever a crash left to the state in which appends go on: half-done work is removed, a torn
 * end is cut off and kept beside, a rotation is completed. A crash in between leaves work for the next start, no more.
 */
export async function settleLog(
  directory: LogDirectory,
  inspection: Inspection,
  sink: LogSink,
): Promise<void> {
  // A process that was killed may have renamed and not yet synced.
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
 * What was read at the end may be in the cache only: the process before was killed in the middle of a write, or its sync
 * failed, after which the cache and the disk differ and no sync will tell. So the last thing written is written again.
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
