import { crc32 } from "node:zlib";
import { type File, readFully } from "../file-system.ts";
import { decodeFrameHeader, type FrameHeader, frameHeaderBytes, frameOverheadBytes } from "./frame.ts";

const chunkBytes = 256 * 1024;
const zeros = Buffer.alloc(chunkBytes);

export interface FoundFrame {
  readonly offset: number;
  readonly end: number;
  readonly header: FrameHeader;
}

/**
 * Finds frames of this log between two offsets. Each is intact in itself; its position and its chain are not checked.
 */
export async function* findFrames(
  file: File,
  marker: number,
  from: number,
  to: number,
): AsyncGenerator<FoundFrame> {
  const markerBytes = Buffer.alloc(4);
  markerBytes.writeUInt32LE(marker);
  const buffer = Buffer.allocUnsafeSlow(chunkBytes);
  for (let position = from; to - position >= frameOverheadBytes; ) {
    const filled = await readFully(
      file,
      buffer.subarray(0, Math.min(buffer.length, to - position)),
      position,
    );
    const chunk = buffer.subarray(0, filled);
    if (chunk.length < frameOverheadBytes) return;
    const index = chunk.indexOf(markerBytes);
    if (index < 0) {
      position += chunk.length - 3;
    } else if (index > 0 && index + frameHeaderBytes > chunk.length) {
      position += index;
    } else {
      const frame = await readFrameAt(file, marker, position + index, to);
      if (frame) yield frame;
      position = frame ? frame.end : position + index + 1;
    }
  }
}

/** The frame at this offset, if it is intact in itself. */
export async function readFrameAt(
  file: File,
  marker: number,
  offset: number,
  to: number,
): Promise<FoundFrame | undefined> {
  const header = await readFrameHeaderAt(file, marker, offset);
  if (!header) return undefined;
  const end = offset + frameOverheadBytes + header.payloadBytes;
  if (end > to) return undefined;
  let checksum = header.checksum;
  const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, header.payloadBytes + 4));
  for (let position = offset + frameHeaderBytes; position < end - 4; ) {
    const count = await file.read(chunk.subarray(0, Math.min(chunk.length, end - 4 - position)), position);
    if (count === 0) return undefined;
    checksum = crc32(chunk.subarray(0, count), checksum);
    position += count;
  }
  const stored = chunk.subarray(0, 4);
  if ((await readFully(file, stored, end - 4)) < 4 || stored.readUInt32LE(0) !== checksum) return undefined;
  return { offset, end, header };
}

export async function readFrameHeaderAt(
  file: File,
  marker: number,
  offset: number,
): Promise<FrameHeader | undefined> {
  const bytes = Buffer.alloc(frameHeaderBytes);
  await readFully(file, bytes, offset);
  return decodeFrameHeader(bytes, 0, marker);
}

/** The offset at which the zeros that end at `to` begin, at least `from`. */
export async function endOfContent(file: File, from: number, to: number): Promise<number> {
  const buffer = Buffer.allocUnsafeSlow(chunkBytes);
  for (let end = to; end > from; ) {
    const start = Math.max(from, end - chunkBytes);
    const filled = await readFully(file, buffer.subarray(0, end - start), start);
    const chunk = buffer.subarray(0, filled);
    if (!chunk.equals(zeros.subarray(0, filled))) {
      let last = filled - 1;
      while (chunk[last] === 0) last--;
      return start + last + 1;
    }
    end = start;
  }
  return from;
}
