import type { File } from "../file-system.ts";
import { frameOverheadBytes } from "../format/frame.ts";
import type { FrameReader } from "../format/frame-reader.ts";
import { endOfContent, findFrames, readFrameAt, readFrameHeaderAt } from "../format/frame-search.ts";

/** The bytes after the last good frame of the last segment. */
export type Tail =
  | { readonly verdict: "clean" }
  /** A part of an append that was never acknowledged. */
  | { readonly verdict: "torn"; readonly bytes: number }
  /** A later frame follows, so the frame in between was acknowledged and is damaged. */
  | { readonly verdict: "corrupt"; readonly laterFrameOffset: number };

/**
 * Tells a torn end from a corrupt one. A frame is written only after the frame before is durable, so no frame of this
 * log with a later sequence can follow a torn one. Values may contain frames of this log, if an old segment was
 * stored as a value; those have earlier sequences or are inside the torn frame. No client can make other ones:
 * the log id, from which their marker follows, stays in the files of the log.
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
  // The header is intact, so the extent of the torn frame is known.
  return isNextFrame ? Math.min(size, offset + frameOverheadBytes + header.payloadBytes) : offset + 1;
}
