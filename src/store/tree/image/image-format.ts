import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { unusedClass } from "../../memory/allocator.ts";
import { blockBytes } from "../../memory/slabs.ts";

/**
 * An image: the blocks that a tree uses. Numbers are little-endian; checksums are CRC-32.
 *
 *      0  8  magic "DuetKVim"
 *      8  4  version of the format; it changes with that of records and pages, too
 *     12  4  number of blocks in the table
 *     16 32  SHA-256 of the id of the store
 *     48  8  revision, as a 64-bit floating-point number, like the next two
 *     56  8  time of the last transaction
 *     64  8  version of the tree
 *     72  4  ref of the root
 *     76  4  number of entries
 *     80  4  length of the note
 *     84  4  checksum of table and note
 *     88  4  checksum of bytes 0 to 87
 *     92     table: the class of each block, a byte
 *            note: bytes of the caller
 *            chunks: a checksum of 4 bytes, then up to 16 blocks; all blocks of the table that are in use, in their order
 */
export const imageHeaderBytes = 92;
const formatVersion = 1;
const magic = Buffer.from("DuetKVim", "latin1");

export const chunkBlocks = 16;
export const checksumBytes = 4;

export interface ImageHeader {
  readonly blocks: number;
  readonly revision: number;
  /** Milliseconds since 1970 UTC. */
  readonly time: number;
  /** The version of the tree. */
  readonly version: number;
  readonly root: number;
  readonly size: number;
  readonly noteBytes: number;
  /** The checksum of table and note. */
  readonly checksum: number;
}

/** `id` names the store that the image belongs to. */
export function encodeImageHeader(id: string, header: ImageHeader): Buffer {
  const bytes = Buffer.alloc(imageHeaderBytes);
  magic.copy(bytes);
  bytes.writeUInt32LE(formatVersion, 8);
  bytes.writeUInt32LE(header.blocks, 12);
  digest(id).copy(bytes, 16);
  bytes.writeDoubleLE(header.revision, 48);
  bytes.writeDoubleLE(header.time, 56);
  bytes.writeDoubleLE(header.version, 64);
  bytes.writeInt32LE(header.root, 72);
  bytes.writeUInt32LE(header.size, 76);
  bytes.writeUInt32LE(header.noteBytes, 80);
  bytes.writeUInt32LE(header.checksum, 84);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 88)), 88);
  return bytes;
}

/** Throws Error for bytes that are not the header of an image of this store and this format. */
export function decodeImageHeader(id: string, bytes: Buffer): ImageHeader {
  if (!bytes.subarray(0, 8).equals(magic)) throw new Error("it does not begin as an image");
  if (crc32(bytes.subarray(0, 88)) !== bytes.readUInt32LE(88))
    throw new Error("the checksum of its header is wrong");
  const version = bytes.readUInt32LE(8);
  if (version !== formatVersion)
    throw new Error(`it has format ${version}; this release reads ${formatVersion}`);
  if (!bytes.subarray(16, 48).equals(digest(id))) throw new Error("it belongs to another store");
  return {
    blocks: bytes.readUInt32LE(12),
    revision: bytes.readDoubleLE(48),
    time: bytes.readDoubleLE(56),
    version: bytes.readDoubleLE(64),
    root: bytes.readInt32LE(72),
    size: bytes.readUInt32LE(76),
    noteBytes: bytes.readUInt32LE(80),
    checksum: bytes.readUInt32LE(84),
  };
}

/** The numbers of the blocks in use, by chunk. */
export function chunksOf(table: Uint8Array): readonly (readonly number[])[] {
  const chunks: number[][] = [];
  for (const [block, slotClass] of table.entries()) {
    if (slotClass === unusedClass) continue;
    const last = chunks.at(-1);
    if (last === undefined || last.length === chunkBlocks) chunks.push([block]);
    else last.push(block);
  }
  return chunks;
}

/** The size of an image in bytes. */
export function imageBytes({ blocks, noteBytes }: ImageHeader, table: Uint8Array): number {
  let bytes = imageHeaderBytes + blocks + noteBytes;
  for (const chunk of chunksOf(table)) bytes += checksumBytes + chunk.length * blockBytes;
  return bytes;
}

function digest(id: string): Buffer {
  return createHash("sha256").update(id).digest();
}
