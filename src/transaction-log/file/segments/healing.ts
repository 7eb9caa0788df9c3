import { closeQuietly } from "../file-system.ts";
import type { Upkeep } from "../upkeep.ts";
import { isNoSpace } from "./disk-space.ts";
import type { LogFiles } from "./log-files.ts";
import { rewriteSegment } from "./segment.ts";

/**
 * Makes the disk hold the acknowledged frames and nothing later, by descriptors that never failed. A new segment that
 * a failed rotation left is removed last: until then the old one may have an end frame, which needs a successor.
 */
export async function healLog(files: LogFiles, upkeep: Upkeep, segmentBytes: number): Promise<void> {
  const { directory, active } = files;
  const file = await rewriteSegment(directory, active, segmentBytes).catch(async (error: unknown) => {
    if (!isNoSpace(error)) throw error;
    await upkeep.noteNoSpace(error);
    // As few bytes as can be.
    return rewriteSegment(directory, active, 0);
  });
  // Until here the lock of the old file kept other processes out. From now on that of the new one does, also when
  // what follows fails.
  await closeQuietly(active.file);
  active.file = file;
  await directory.sync();
  const { segments } = await directory.content();
  const later = segments.filter(({ sequence }) => sequence > active.firstSequence);
  await directory.removeDurably(later.map(({ name }) => name));
  await upkeep.measure();
}
