/**
 * The operations that the log needs of a file system. Tests replace it to fail the n-th call and to cut the power
 * between any two calls. Every method rejects with the error of the operating system.
 */
export interface FileSystem {
  open(path: string, mode: OpenMode): Promise<File>;
  /** The names in a directory, in no order. */
  list(directory: string): Promise<string[]>;
  /** Creates a directory and its parents; succeeds if it exists. */
  makeDirectory(directory: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** The space of the file system that holds the directory. Infinity if unknown. */
  space(directory: string): Promise<Space>;
  /** Makes the names in the directory durable. */
  syncDirectory(directory: string): Promise<void>;
}

export interface Space {
  /** The bytes that this process may still use. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/**
 * - read: must be there, is not changed
 * - update: read and write, made when missing
 * - create: read and write, empty at first
 * - createDurable, updateDurable: the same, and where the platform can, every write is durable once it resolves
 */
export type OpenMode = "read" | "update" | "create" | "createDurable" | "updateDurable";

export interface File {
  /** A write is durable when it resolves; `sync` has no further effect. */
  readonly durableWrites: boolean;
  /**
   * Reads into `into`. Resolves with the number of bytes, which can be fewer than its size; 0 at the end of the file.
   */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Resolves with the number of written bytes, which can be fewer than given. */
  write(bytes: Uint8Array, position: number): Promise<number>;
  /** Makes data and size durable. */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  size(): Promise<number>;
  /** Tries to lock the file. False when another process, or another open file of this process, has locked it. */
  tryLock(shared: boolean): boolean;
  /** Whether `path` refers to this file. */
  isAt(path: string): Promise<boolean>;
  /** Closes the file. A second call has no effect. */
  close(): Promise<void>;
}

/** Resolves when all bytes are written, however many calls that takes. */
export async function writeFully(file: File, bytes: Uint8Array, position: number): Promise<void> {
  let written = await file.write(bytes, position);
  while (written < bytes.length) {
    const more = await file.write(bytes.subarray(written), position + written);
    if (more === 0) throw new Error("the file system wrote nothing and gave no reason");
    written += more;
  }
}

/** Resolves when all bytes are written and durable. */
export async function writeDurably(file: File, bytes: Uint8Array, position: number): Promise<void> {
  await writeFully(file, bytes, position);
  if (!file.durableWrites) await file.sync();
}

/** Reads until `into` is full or the file ends. Resolves with the number of bytes. */
export async function readFully(file: File, into: Uint8Array, position: number): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const count = await file.read(into.subarray(filled), position + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

const zeros = Buffer.alloc(1024 * 1024);

/** Writes zeros from `from` to `to`, durably and step by step, so that no other sync waits for all of them. */
export async function fillWithZeros(
  file: File,
  from: number,
  to: number,
  stepBytes: number = zeros.length,
): Promise<void> {
  for (let position = from; position < to; position += stepBytes) {
    await writeDurably(file, zeros.subarray(0, Math.min(stepBytes, to - position)), position);
  }
}

/** Closes a file whose data was synced or is not needed, and ignores errors: they change nothing. */
export async function closeQuietly(file: File): Promise<void> {
  await file.close().catch(() => {});
}

/**
 * Copies `bytes` bytes from `offset` of one file to `target` of another one; the default target is the same offset.
 */
export async function copyBytes(
  from: File,
  to: File,
  offset: number,
  bytes: number,
  target: number = offset,
): Promise<void> {
  const chunk = Buffer.allocUnsafe(Math.min(bytes, 256 * 1024));
  for (let copied = 0; copied < bytes; ) {
    const part = chunk.subarray(0, Math.min(chunk.length, bytes - copied));
    const count = await readFully(from, part, offset + copied);
    if (count < part.length) throw new Error("the file is shorter than it was");
    await writeFully(to, part, target + copied);
    copied += count;
  }
}
