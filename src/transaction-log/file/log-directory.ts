import { dirname, join, resolve } from "node:path";
import { type DirectoryContent, sortDirectory } from "./file-names.ts";
import { closeQuietly, type File, type FileSystem, type OpenMode, type Space } from "./file-system.ts";

/** The directory of one log; its files go by their names. Every method rejects with the error of the file system. */
export class LogDirectory {
  /** Absolute. */
  readonly path: string;
  readonly #fileSystem: FileSystem;

  constructor(fileSystem: FileSystem, path: string) {
    this.#fileSystem = fileSystem;
    this.path = resolve(path);
  }

  /** Makes the directory and those above it; one that is there is fine. */
  make(): Promise<void> {
    return this.#fileSystem.makeDirectory(this.path);
  }

  open(name: string, mode: OpenMode): Promise<File> {
    return this.#fileSystem.open(this.pathOf(name), mode);
  }

  /** Runs `use` with the file and closes it, whatever happens. */
  async withFile<T>(name: string, mode: OpenMode, use: (file: File) => Promise<T>): Promise<T> {
    const file = await this.open(name, mode);
    try {
      return await use(file);
    } finally {
      await closeQuietly(file);
    }
  }

  pathOf(name: string): string {
    return join(this.path, name);
  }

  async content(): Promise<DirectoryContent> {
    return sortDirectory(await this.#fileSystem.list(this.path));
  }

  async has(name: string): Promise<boolean> {
    return (await this.#fileSystem.list(this.path)).includes(name);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#fileSystem.rename(this.pathOf(from), this.pathOf(to));
  }

  remove(name: string): Promise<void> {
    return this.#fileSystem.remove(this.pathOf(name));
  }

  /** In the given order; resolves when they are gone for good. A file that is gone already is fine. */
  async removeDurably(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    for (const name of names) {
      await this.remove(name).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
      });
    }
    await this.sync();
  }

  /** Afterwards the names in the directory outlive a power cut. */
  sync(): Promise<void> {
    return this.#fileSystem.syncDirectory(this.path);
  }

  /** The directory itself may be new, and its name is in the one above, which need not be ours to open. */
  async syncParent(): Promise<void> {
    await this.#fileSystem.syncDirectory(dirname(this.path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EACCES" && error.code !== "EPERM") throw error;
    });
  }

  space(): Promise<Space> {
    return this.#fileSystem.space(this.path);
  }
}
