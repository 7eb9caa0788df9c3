import { crc32 } from "node:zlib";
import { blockBytes, refIn, type Slabs, wordOf } from "../../memory/slabs.ts";
import { Tree } from "../tree.ts";
import { type ImageFile, type ImageFiles, readAll } from "./image-file.ts";
import {
  checksumBytes,
  chunkBlocks,
  chunksOf,
  decodeImageHeader,
  imageBytes,
  imageHeaderBytes,
} from "./image-format.ts";

export interface OpenedImage {
  readonly tree: Tree;
  /** The note that the image was written with. */
  readonly note: Buffer;
}

/**
 * Opens the image of the store `id` into slabs that nobody uses. Resolves with undefined if there is no image. If anything about it
 * is wrong, it is removed, `onBad` is called with the error, and the result is undefined, too: the log has everything, and
 * the slabs can be used for an empty tree. `onBad` is also called when it cannot be removed.
 */
export async function openImage(
  files: ImageFiles,
  path: string,
  slabs: Slabs,
  id: string,
  onBad: (error: unknown) => void,
): Promise<OpenedImage | undefined> {
  let file: ImageFile | undefined;
  try {
    file = await files.open(path, "read");
    return await readImage(file, slabs, id);
  } catch (error) {
    if (file === undefined && (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    onBad(error);
    await files.remove(path).catch(onBad);
    return undefined;
  } finally {
    await file?.close().catch(onBad);
  }
}

async function readImage(file: ImageFile, slabs: Slabs, id: string): Promise<OpenedImage> {
  const start = Buffer.alloc(imageHeaderBytes);
  await readAll(file, start, 0);
  const header = decodeImageHeader(id, start);
  const { blocks, noteBytes, checksum, version } = header;
  while (blocks > slabs.blocks && slabs.grow());
  if (blocks > slabs.blocks) {
    throw new Error(`it has ${blocks} blocks of 64 KiB; the store may have ${slabs.blocks}`);
  }
  const size = await file.size();
  if (imageHeaderBytes + blocks + noteBytes > size) throw new Error("the file is too short");
  const tableAndNote = Buffer.alloc(blocks + noteBytes);
  await readAll(file, tableAndNote, imageHeaderBytes);
  if (crc32(tableAndNote) !== checksum) throw new Error("the checksum of its table is wrong");
  const table = tableAndNote.subarray(0, blocks);
  const bytes = imageBytes(header, table);
  if (bytes !== size) throw new Error(`it has ${size} bytes instead of ${bytes}`);
  await readBlocks(file, slabs, table, imageHeaderBytes + tableAndNote.length);

  const tree = new Tree(slabs);
  tree.restore({ state: header, version, table });
  return { tree, note: tableAndNote.subarray(blocks) };
}

async function readBlocks(file: ImageFile, slabs: Slabs, table: Uint8Array, start: number): Promise<void> {
  const bytes = Buffer.allocUnsafeSlow(checksumBytes + chunkBlocks * blockBytes);
  let position = start;
  for (const chunk of chunksOf(table)) {
    const part = bytes.subarray(0, checksumBytes + chunk.length * blockBytes);
    await readAll(file, part, position);
    if (crc32(part.subarray(checksumBytes)) !== part.readUInt32LE(0)) {
      throw new Error(`the checksum of its blocks from ${chunk[0]} on is wrong`);
    }
    for (const [index, block] of chunk.entries()) {
      const from = checksumBytes + index * blockBytes;
      const ref = refIn(block, 0);
      slabs.bytesOf(ref).set(part.subarray(from, from + blockBytes), wordOf(ref) * 4);
    }
    position += part.length;
  }
}
