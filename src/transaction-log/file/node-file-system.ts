import fs from "node:fs";
import { dirname } from "node:path";
import { tryLock } from "fs-native-extensions";
import type { File, FileSystem, OpenMode } from "./file-system.ts";

const { O_CREAT, O_DSYNC, O_RDONLY, O_RDWR, O_TRUNC } = fs.constants;

// With O_DSYNC an append takes one system call instead of two. It is used on Linux only: on macOS it leaves data in
// the disk's cache, which fdatasync does not.
const durableFlag = process.platform === "linux" ? O_DSYNC : 0;

const flags: Record<OpenMode, number> = {
  read: O_RDONLY,
  update: O_RDWR | O_CREAT,
  create: O_RDWR | O_CREAT | O_TRUNC,
  createDurable: O_RDWR | O_CREAT | O_TRUNC | durableFlag,
  updateDurable: O_RDWR | O_CREAT | durableFlag,
};

// After any content, because a lock on Windows blocks reads of the locked range.
const lockOffset = 2 ** 30;

/**
 * The file system of this machine. It uses plain descriptors: a FileHandle doubles the JavaScript time of an append.
 */
export const nodeFileSystem: FileSystem = {
  async open(path, mode) {
    const descriptor = await call<number>((done) => fs.open(path, flags[mode], 0o600, done));
    return new NodeFile(descriptor, durableFlag !== 0 && mode.endsWith("Durable"));
  },

  list: (directory) => call((done) => fs.readdir(directory, done)),

  makeDirectory,

  rename: (from, to) => call((done) => fs.rename(from, to, done)),

  remove: (path) => call((done) => fs.unlink(path, done)),

  async space(directory) {
    const { bsize, bavail, blocks } = await fs.promises.statfs(directory);
    // Some file systems do not count blocks and report 0.
    if (blocks === 0) return { freeBytes: Number.POSITIVE_INFINITY, totalBytes: Number.POSITIVE_INFINITY };
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  },

  async syncDirectory(directory) {
    // Windows cannot open directories, and journals names by itself.
    if (process.platform === "win32") return;
    const descriptor = await call<number>((done) => fs.open(directory, O_RDONLY, done));
    try {
      await call((done) => fs.fsync(descriptor, done));
    } finally {
      await call((done) => fs.close(descriptor, done));
    }
  },
};

/**
 * Creates the directory and its parents. Node's recursive mkdir never returns in a directory that cannot have
 * children, such as /proc.
 */
async function makeDirectory(directory: string): Promise<void> {
  const mode = 0o700;
  try {
    await fs.promises.mkdir(directory, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && (await fs.promises.stat(directory)).isDirectory()) return;
    if (code !== "ENOENT" || dirname(directory) === directory) throw error;
    await makeDirectory(dirname(directory));
    await fs.promises.mkdir(directory, mode).catch((again: NodeJS.ErrnoException) => {
      if (again.code !== "EEXIST") throw again;
    });
  }
}

class NodeFile implements File {
  readonly durableWrites: boolean;
  readonly #descriptor: number;
  #closed = false;

  constructor(descriptor: number, durableWrites: boolean) {
    this.#descriptor = descriptor;
    this.durableWrites = durableWrites;
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return call((done) => fs.read(this.#descriptor, into, 0, into.length, position, done));
  }

  write(bytes: Uint8Array, position: number): Promise<number> {
    return call((done) => fs.write(this.#descriptor, bytes, 0, bytes.length, position, done));
  }

  sync(): Promise<void> {
    return call((done) => fs.fdatasync(this.#descriptor, done));
  }

  truncate(size: number): Promise<void> {
    return call((done) => fs.ftruncate(this.#descriptor, size, done));
  }

  async size(): Promise<number> {
    return (await call<fs.Stats>((done) => fs.fstat(this.#descriptor, done))).size;
  }

  tryLock(shared: boolean): boolean {
    return tryLock(this.#descriptor, lockOffset, 1, { shared });
  }

  async isAt(path: string): Promise<boolean> {
    const options = { bigint: true } as const;
    const own = await call<fs.BigIntStats>((done) => fs.fstat(this.#descriptor, options, done));
    const named = await call<fs.BigIntStats>((done) => fs.stat(path, options, done)).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined;
        throw error;
      },
    );
    return named?.ino === own.ino && named.dev === own.dev;
  }

  async close(): Promise<void> {
    // After the first close the descriptor may belong to another file.
    if (this.#closed) return;
    this.#closed = true;
    await call((done) => fs.close(this.#descriptor, done));
  }
}

function call<T>(start: (done: (error: Error | null, result?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, result) => {
      if (error) reject(error);
      else resolve(result as T);
    });
  });
}
