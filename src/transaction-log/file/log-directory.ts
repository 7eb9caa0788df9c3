import { dirname, join, resolve } from "node:path";
import { type DirectoryContent, sortDirectory } from "./file-names.ts";
import { closeQuietly, type File, type FileSystem, type OpenMode, type Space } from "./file-system.ts";

/** The directory of one log, with files addressed by name. Every method rejects with the error of the file system. */
export class LogDirectory {
  /** The absolute path. */
  readonly path: string;
  readonly #fileSystem: FileSystem;

  constructor(fileSystem: FileSystem, path: string) {
    this.#fileSystem = fileSystem;
    this.path = resolve(path);
  }

  /** Creates the directory and its parents; succeeds if it exists. */
  make(): Promise<void> {
    return this.#fileSystem.makeDirectory(this.path);
  }

  open(name: string, mode: OpenMode): Promise<File> {
    return this.#fileSystem.open(this.pathOf(name), mode);
  }

  /** Runs `use` with the open file and always closes it. */
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

  /** Removes files in the given order; resolves when that is durable. Missing files are ignored. */
  async removeDurably(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    for (const name of names) {
      await this.remove(name).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
      });
    }
    await this.sync();
  }

  /** Makes the names in the directory durable. */
  sync(): Promise<void> {
    return this.#fileSystem.syncDirectory(this.path);
  }

  /** Makes the directory's own name durable, if this process may open the parent directory. */
  async syncParent(): Promise<void> {
    await this.#fileSystem.syncDirectory(dirname(this.path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EACCES" && error.code !== "EPERM") throw error;
    });
  }

  space(): Promise<Space> {
    return this.#fileSystem.space(this.path);
  }
}
