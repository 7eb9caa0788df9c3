import type { File } from "../file-system.ts";
import { frameOverheadBytes } from "../format/frame.ts";
import type { FrameReader } from "../format/frame-reader.ts";
import { endOfContent, findFrames, readFrameAt, readFrameHeaderAt } from "../format/frame-search.ts";

/** What stands behind the last good frame of the last segment. */
export type Tail =
  | { readonly verdict: "clean" }
  /** Half of an append that was never acknowledged. */
  | { readonly verdict: "torn"; readonly bytes: number }
  /** A later frame is there, so the one before it was acknowledged and is damaged. */
  | { readonly verdict: "corrupt"; readonly laterFrameOffset: number };

/**
 * Torn or corrupt? A frame is written only after the one before it is durable: whatever is behind a torn frame is no
 * frame of this log with a later sequence. Frames of this very log may be inside values, where an old segment was
 * stored as a value; those are older, or inside the extent of the torn frame.
 */
export async function examineTail(
  file: File,
  marker: number,
  reader: FrameReader,
  size: number,
): Promise<Tail> {
  const { offset } = reader;
  const from = await searchStart(file, marker, reader, size);
  for await (const frame of findFrames(file, marker, from, size)) {
    if (frame.header.firstSequence >= reader.nextSequence) {
      return { verdict: "corrupt", laterFrameOffset: frame.offset };
    }
  }
  const end = await endOfContent(file, offset, size);
  return end === offset ? { verdict: "clean" } : { verdict: "torn", bytes: end - offset };
}

async function searchStart(file: File, marker: number, reader: FrameReader, size: number): Promise<number> {
  const { offset } = reader;
  if (await readFrameAt(file, marker, offset, size)) return offset;
  const header = await readFrameHeaderAt(file, marker, offset);
  const isNextFrame =
    header?.firstSequence === reader.nextSequence && header.previousChecksum === reader.checksum;
  // Its header is whole, so it is known how far the torn frame reaches.
  return isNextFrame ? Math.min(size, offset + frameOverheadBytes + header.payloadBytes) : offset + 1;
}
