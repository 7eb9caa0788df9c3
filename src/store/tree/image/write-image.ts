import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { blockBytes, refIn, wordOf } from "../../memory/slabs.ts";
import { type ImageFile, type ImageFiles, writeAll } from "./image-file.ts";
import { checksumBytes, chunkBlocks, chunksOf, encodeImageHeader, imageHeaderBytes } from "./image-format.ts";
import type { ImageSource } from "./image-state.ts";

export interface ImageOptions {
  /** Names the store. An image is opened for the same store only. */
  readonly id: string;
  /** Bytes that belong to the same revision. They are returned when the image is opened. */
  readonly note: Uint8Array;
}

/**
 * Writes an image beside the traffic: first to a file beside `path`, which takes its place when it is complete and durable.
 * Rejects with the error of the file system, or with SNAPSHOT_TOO_SLOW when the pin was ended; an image that was there before
 * is left then.
 */
export async function writeImage(
  files: ImageFiles,
  path: string,
  source: ImageSource,
  options: ImageOptions,
): Promise<void> {
  const unfinished = `${path}.new`;
  const file = await files.open(unfinished, "create");
  try {
    try {
      await writeContent(file, source, options);
      await file.sync();
    } finally {
      await file.close();
    }
    await files.rename(unfinished, path);
  } catch (error) {
    // What is left is overwritten by the next image, so a failure to remove it changes nothing.
    await files.remove(unfinished).catch(() => {});
    throw error;
  }
  await files.syncDirectory(dirname(path));
}

async function writeContent(
  file: ImageFile,
  { slabs, state, version, table, check }: ImageSource,
  { id, note }: ImageOptions,
): Promise<void> {
  const checksum = crc32(note, crc32(table));
  const header = { ...state, version, blocks: table.length, noteBytes: note.length, checksum };
  await writeAll(file, Buffer.concat([encodeImageHeader(id, header), table, note]), 0);
  let position = imageHeaderBytes + table.length + note.length;
  // A copy: parts of a block that the pinned version does not reach may change at any time.
  const bytes = Buffer.allocUnsafeSlow(checksumBytes + chunkBlocks * blockBytes);
  for (const chunk of chunksOf(table)) {
    check();
    for (const [index, block] of chunk.entries()) {
      const ref = refIn(block, 0);
      const start = wordOf(ref) * 4;
      bytes.set(slabs.bytesOf(ref).subarray(start, start + blockBytes), checksumBytes + index * blockBytes);
    }
    const end = checksumBytes + chunk.length * blockBytes;
    bytes.writeUInt32LE(crc32(bytes.subarray(checksumBytes, end)), 0);
    await writeAll(file, bytes.subarray(0, end), position);
    position += end;
  }
  check();
}
