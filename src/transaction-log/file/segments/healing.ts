import { closeQuietly } from "../file-system.ts";
import type { Upkeep } from "../upkeep.ts";
import { isNoSpace } from "./disk-space.ts";
import type { LogFiles } from "./log-files.ts";
import { rewriteSegment } from "./segment.ts";

/**
 * Makes the disk hold the acknowledged frames and nothing later, through descriptors that never failed. A new segment
 * of a failed rotation is removed last: until then the old segment may have an end frame, which requires a successor.
 */
export async function healLog(files: LogFiles, upkeep: Upkeep, segmentBytes: number): Promise<void> {
  const { directory, active } = files;
  const file = await rewriteSegment(directory, active, segmentBytes).catch(async (error: unknown) => {
    if (!isNoSpace(error)) throw error;
    await upkeep.noteNoSpace(error);
    // Without preallocation.
    return rewriteSegment(directory, active, 0);
  });
  // So far the lock of the old file excluded other processes. From now on the lock of the new one does, even if a
  // later step fails.
  await closeQuietly(active.file);
  active.file = file;
  await directory.sync();
  const { segments } = await directory.content();
  const later = segments.filter(({ sequence }) => sequence > active.firstSequence);
  await directory.removeDurably(later.map(({ name }) => name));
  await upkeep.measure();
}
