import type { Allocator } from "../memory/allocator.ts";
import type { Ref } from "../memory/slabs.ts";

/** Evacuation begins when more than this part of the used blocks is free. */
const wasteMax = 0.2;
/** A block is evacuated if less than this part of it is in use. */
const fillMax = 0.75;
/** Below this size waste is left: each class of slots has a block that is partly used. */
const usedBytesMin = 4 * 1024 * 1024;
/** The number of blocks with room that are looked at in each class. */
const candidates = 64;
/** Bounds the work when blocks hold much that waits for readers, and cannot be moved. */
const blocksMax = 16;

/** Moves a record or page to another slot, as part of the version under way. Returns whether it did. */
export type Move = (ref: Ref, isPage: boolean) => boolean;

/**
 * Empties sparse blocks: moves what is in use in them to other blocks of the same class, until enough of the memory is
 * used, `movesMax` is reached, or `hasRoom` returns false before a move. The emptied blocks become free when no reader needs the old places. Returns the number of
 * moves.
 */
export function evacuate(allocator: Allocator, move: Move, movesMax: number, hasRoom: () => boolean): number {
  allocator.reopen();
  let moves = 0;
  let wasted = allocator.usedBytes - allocator.liveBytes;
  for (let blocks = 0; blocks < blocksMax; blocks++) {
    const { usedBytes } = allocator;
    if (usedBytes < usedBytesMin || wasted <= wasteMax * usedBytes) break;
    const block = allocator.closeSparsest(fillMax, candidates);
    if (block < 0) break;
    const isPage = allocator.holdsPages(block);
    wasted -= allocator.freeBytesOf(block);
    for (const ref of allocator.slotsOf(block)) {
      if (moves === movesMax || !hasRoom()) return moves;
      if (move(ref, isPage)) moves++;
    }
  }
  return moves;
}
