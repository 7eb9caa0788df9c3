import { crc32 } from "node:zlib";
import { readUint53, writeUint53 } from "./uint53.ts";

/**
 * One append is one frame. The checksum of a frame is the id of its batch, and each frame contains the checksum of the
 * one before. Numbers are little-endian.
 *
 *      0  4  marker, derived from the log id: distinguishes frames of other logs
 *      4  4  kind: 1 transactions without gaps, 2 end of segment, 3 transactions after a compaction, 4 end of snapshot
 *      8  4  payload length
 *     12  4  count: transactions in the frame; in an end-of-snapshot frame, in the whole snapshot
 *     16  8  first sequence; in an end frame the sequence after the last one
 *     24  4  checksum of the frame before, or of the file header
 *     28  4  header checksum: CRC-32 of bytes 0 to 27
 *     32  n  payload
 *   32+n  4  checksum: CRC-32 of bytes 0 to 27 and the payload
 *
 * The header has its own checksum, so that its length can be trusted before the payload is read. The second checksum
 * does not cover it: a CRC over data and its own CRC is a constant, which would break the chain.
 */
export const frameHeaderBytes = 32;
export const frameOverheadBytes = frameHeaderBytes + 4;
/** Limits the memory that a reader allocates. */
export const payloadBytesMax = 256 * 1024 * 1024;

export const frameKinds = { transactions: 1, endOfSegment: 2, snapshot: 3, endOfSnapshot: 4 } as const;
export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds];

export interface FrameHeader {
  readonly kind: FrameKind;
  readonly payloadBytes: number;
  readonly count: number;
  readonly firstSequence: number;
  readonly previousChecksum: number;
  readonly checksum: number;
}

export function frameMarker(logId: Buffer): number {
  // Never 0: unused space is zeros.
  return (crc32(logId, crc32("frame")) | 1) >>> 0;
}

/** Writes the header to the first bytes of `bytes`. Returns its checksum. */
export function encodeFrameHeader(
  bytes: Buffer,
  marker: number,
  header: Omit<FrameHeader, "checksum">,
): number {
  bytes.writeUInt32LE(marker, 0);
  bytes.writeUInt32LE(header.kind, 4);
  bytes.writeUInt32LE(header.payloadBytes, 8);
  bytes.writeUInt32LE(header.count, 12);
  writeUint53(bytes, header.firstSequence, 16);
  bytes.writeUInt32LE(header.previousChecksum, 24);
  const checksum = crc32(bytes.subarray(0, 28));
  bytes.writeUInt32LE(checksum, 28);
  return checksum;
}

/** Decodes the frame header at `offset`. undefined when there is no intact header of this log. */
export function decodeFrameHeader(bytes: Buffer, offset: number, marker: number): FrameHeader | undefined {
  if (bytes.length - offset < frameHeaderBytes || bytes.readUInt32LE(offset) !== marker) return undefined;
  const checksum = bytes.readUInt32LE(offset + 28);
  if (crc32(bytes.subarray(offset, offset + 28)) !== checksum) return undefined;
  const kind = bytes.readUInt32LE(offset + 4);
  const payloadBytes = bytes.readUInt32LE(offset + 8);
  const firstSequence = readUint53(bytes, offset + 16);
  if (kind < 1 || kind > 4 || payloadBytes > payloadBytesMax || !Number.isSafeInteger(firstSequence)) {
    return undefined;
  }
  return {
    kind: kind as FrameKind,
    payloadBytes,
    count: bytes.readUInt32LE(offset + 12),
    firstSequence,
    previousChecksum: bytes.readUInt32LE(offset + 24),
    checksum,
  };
}

/** The checksum that follows the payload, and that the next frame contains. */
export function frameChecksum(headerChecksum: number, payload: Uint8Array): number {
  return crc32(payload, headerChecksum);
}

/** Encodes an end frame, which has no payload. */
export function encodeEndFrame(
  marker: number,
  header: Omit<FrameHeader, "checksum" | "payloadBytes">,
): Buffer {
  const bytes = Buffer.alloc(frameOverheadBytes);
  const checksum = encodeFrameHeader(bytes, marker, { ...header, payloadBytes: 0 });
  bytes.writeUInt32LE(checksum, frameHeaderBytes);
  return bytes;
}
