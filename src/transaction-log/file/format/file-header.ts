import { crc32 } from "node:zlib";
import { readUint53, writeUint53 } from "./uint53.ts";

/**
 * The first 40 bytes of every file. They are the same in every version of the format. Numbers are little-endian.
 *
 *      0  8  magic "DuetKVlg"
 *      8  4  format version
 *     12  4  kind: 1 segment, 2 snapshot
 *     16  8  log id, random, the same in all files of one log
 *     24  8  segment: its first sequence; snapshot: its horizon
 *     32  4  checksum of the last frame before the segment, or of those that the snapshot replaces; 0: none
 *     36  4  CRC-32 of bytes 0 to 35; the first frame of the file chains to it
 */
export const fileHeaderBytes = 40;
export const formatVersion = 2;
const magic = Buffer.from("DuetKVlg", "latin1");
const kinds = { segment: 1, snapshot: 2 } as const;

export interface FileHeader {
  /** The format version of the file, from 1. */
  readonly version: number;
  readonly kind: keyof typeof kinds;
  readonly logId: Buffer;
  /** The first sequence of a segment or the horizon of a snapshot. */
  readonly sequence: number;
  readonly previousChecksum: number;
  /** The checksum of the header itself. */
  readonly checksum: number;
}

export function encodeFileHeader(header: Omit<FileHeader, "checksum" | "version">): Buffer {
  const bytes = Buffer.alloc(fileHeaderBytes);
  magic.copy(bytes, 0);
  bytes.writeUInt32LE(formatVersion, 8);
  bytes.writeUInt32LE(kinds[header.kind], 12);
  header.logId.copy(bytes, 16);
  writeUint53(bytes, header.sequence, 24);
  bytes.writeUInt32LE(header.previousChecksum, 32);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 36)), 36);
  return bytes;
}

export type DecodedFileHeader =
  | { readonly verdict: "good"; readonly header: FileHeader }
  | { readonly verdict: "newer"; readonly version: number }
  | { readonly verdict: "bad" };

/** An intact header of an unknown version is `newer`; a damaged one is `bad`. */
export function decodeFileHeader(bytes: Buffer): DecodedFileHeader {
  if (bytes.length < fileHeaderBytes || !bytes.subarray(0, 8).equals(magic)) return { verdict: "bad" };
  const checksum = bytes.readUInt32LE(36);
  if (crc32(bytes.subarray(0, 36)) !== checksum) return { verdict: "bad" };
  const version = bytes.readUInt32LE(8);
  if (version > formatVersion) return { verdict: "newer", version };
  const kind = bytes.readUInt32LE(12);
  if (version < 1 || (kind !== kinds.segment && kind !== kinds.snapshot)) {
    return { verdict: "bad" };
  }
  return {
    verdict: "good",
    header: {
      version,
      kind: kind === kinds.segment ? "segment" : "snapshot",
      logId: Buffer.from(bytes.subarray(16, 24)),
      sequence: readUint53(bytes, 24),
      previousChecksum: bytes.readUInt32LE(32),
      checksum,
    },
  };
}
