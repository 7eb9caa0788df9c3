import type { File, FileSystem, OpenMode } from "../../../src/transaction-log/file/file-system.ts";

/** What a call is about to do. */
export interface Call {
  /** From 1. */
  readonly number: number;
  readonly operation: string;
  readonly path: string;
}

/** How a call goes wrong. `after` is what it does before: nothing, half of its bytes, or all of its work. */
export interface Failure {
  readonly code: "EIO" | "ENOSPC";
  readonly after: "nothing" | "half" | "all";
}

type Change = { readonly position: number; readonly bytes: Buffer } | { readonly size: number };
type NameChange = { readonly directory: string; readonly apply: (names: Map<string, Inode>) => void };

/** Data, how much of it would outlive a power cut, and what may or may not. */
class Inode {
  current = Buffer.alloc(0);
  durable = Buffer.alloc(0);
  pending: Change[] = [];

  change(change: Change, durably: boolean): void {
    this.current = changed(this.current, change);
    if (durably) this.durable = changed(this.durable, change);
    else this.pending.push(change);
  }

  sync(): void {
    this.durable = Buffer.from(this.current);
    this.pending = [];
  }
}

function changed(content: Buffer<ArrayBuffer>, change: Change): Buffer<ArrayBuffer> {
  const size =
    "size" in change ? change.size : Math.max(content.length, change.position + change.bytes.length);
  const result = Buffer.alloc(size);
  content.copy(result, 0, 0, size);
  if ("bytes" in change) change.bytes.copy(result, change.position);
  return result;
}

/**
 * Files in memory that remember what was synced. Any call can be made to fail, the process to die before any call, and
 * the power to go: then only what was synced is sure to be left.
 */
export class MemoryFileSystem implements FileSystem {
  readonly durableWrites: boolean;
  /** Asked before each call. */
  intercept: (call: Call) => Failure | "short" | undefined = () => undefined;
  /** What all files together may hold. */
  capacity = Number.POSITIVE_INFINITY;
  calls = 0;
  openFiles = 0;
  #dead = false;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #pendingNames: NameChange[] = [];
  readonly #locks = new Map<Inode, object>();

  constructor(options: { readonly durableWrites: boolean }) {
    this.durableWrites = options.durableWrites;
  }

  get isDead(): boolean {
    return this.#dead;
  }

  /** From now on nothing has any effect: the process is dead. */
  kill(): void {
    this.#dead = true;
  }

  /** Kills the process before the call of this number, if it comes to that. */
  killBefore(number: number): void {
    this.intercept = (call) => {
      if (call.number === number) this.kill();
      return undefined;
    };
  }

  /** The next process: it sees all that the dead one wrote, of which not all need be durable. */
  revive(): void {
    this.#dead = false;
    this.#locks.clear();
    this.openFiles = 0;
    this.intercept = () => undefined;
  }

  /** What the next process finds after this one died: every write that was made. */
  afterKill(): MemoryFileSystem {
    return this.#image((inode) => inode.current, this.#names);
  }

  /**
   * What is found after the power went. Of what was not synced, all is lost, or `keep` decides for each
   * change of names, and for each sector of each write, whether it came.
   */
  afterPowerCut(keep: () => boolean = () => false): MemoryFileSystem {
    const names = new Map(this.#durableNames);
    for (const change of this.#pendingNames) {
      if (keep()) change.apply(names);
    }
    return this.#image((inode) => {
      let content = inode.durable;
      for (const change of inode.pending) {
        if ("size" in change) {
          if (keep()) content = changed(content, change);
          continue;
        }
        for (let from = 0; from < change.bytes.length; from += 512) {
          const bytes = change.bytes.subarray(from, from + 512);
          if (keep()) content = changed(content, { position: change.position + from, bytes });
        }
      }
      return content;
    }, names);
  }

  /** The same files, for another attempt. */
  copy(): MemoryFileSystem {
    return this.afterKill();
  }

  #image(contentOf: (inode: Inode) => Buffer<ArrayBuffer>, names: Map<string, Inode>): MemoryFileSystem {
    const image = new MemoryFileSystem({ durableWrites: this.durableWrites });
    for (const [path, inode] of names) {
      const copy = new Inode();
      copy.current = Buffer.from(contentOf(inode));
      copy.sync();
      image.#names.set(path, copy);
      image.#durableNames.set(path, copy);
    }
    return image;
  }

  // For tests to look and to damage with.

  names(): string[] {
    return [...this.#names.keys()].map((path) => path.slice(path.lastIndexOf("/") + 1)).toSorted();
  }

  content(path: string): Buffer {
    return this.#inode(path).current;
  }

  replace(path: string, content: Uint8Array): void {
    const inode = new Inode();
    inode.current = Buffer.from(content);
    inode.sync();
    this.#names.set(path, inode);
    this.#durableNames.set(path, inode);
  }

  delete(path: string): void {
    this.#inode(path);
    this.#names.delete(path);
    this.#durableNames.delete(path);
  }

  // The file system.

  open(path: string, mode: OpenMode): Promise<File> {
    return this.#call("open", path, () => {
      let inode = this.#names.get(path);
      if (!inode) {
        if (mode === "read") throw failure("ENOENT");
        const created = new Inode();
        inode = created;
        this.#changeNames(path, (names) => names.set(path, created));
      }
      if (mode.startsWith("create") && inode.current.length > 0) inode.change({ size: 0 }, false);
      this.openFiles++;
      return this.#file(path, inode, this.durableWrites && mode.endsWith("Durable"), mode !== "read");
    });
  }

  list(directory: string): Promise<string[]> {
    return this.#call("list", directory, () =>
      [...this.#names.keys()].filter((path) => directoryOf(path) === directory).map(nameOf),
    );
  }

  makeDirectory(directory: string): Promise<void> {
    return this.#call("makeDirectory", directory, () => {});
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call("rename", from, () => {
      const inode = this.#inode(from);
      this.#changeNames(from, (names) => names.delete(from) && names.set(to, inode));
    });
  }

  remove(path: string): Promise<void> {
    return this.#call("remove", path, () => {
      this.#inode(path);
      this.#changeNames(path, (names) => names.delete(path));
    });
  }

  get freeBytes(): number {
    let bytes = 0;
    for (const inode of this.#names.values()) bytes += inode.current.length;
    return Math.max(0, this.capacity - bytes);
  }

  space(directory: string) {
    return this.#call("space", directory, () => ({ freeBytes: this.freeBytes, totalBytes: this.capacity }));
  }

  syncDirectory(directory: string): Promise<void> {
    return this.#call("syncDirectory", directory, () => {
      for (const change of this.#pendingNames) {
        if (change.directory === directory) change.apply(this.#durableNames);
      }
      this.#pendingNames = this.#pendingNames.filter((change) => change.directory !== directory);
    });
  }

  #file(path: string, inode: Inode, durableWrites: boolean, writable: boolean): File {
    const handle = {};
    let open = true;
    const assertOpen = (toWrite: boolean) => {
      if (!open || (toWrite && !writable)) throw failure("EBADF");
    };
    return {
      durableWrites,
      read: (into, position) =>
        this.#call("read", path, () => {
          assertOpen(false);
          const from = Math.min(position, inode.current.length);
          return inode.current.copy(into, 0, from, from + into.length);
        }),
      write: (bytes, position) =>
        this.#call(
          "write",
          path,
          (share) => {
            assertOpen(true);
            const growth = position + bytes.length - inode.current.length;
            if (growth > this.freeBytes) throw failure("ENOSPC");
            const written = Math.ceil(bytes.length * share);
            inode.change({ position, bytes: Buffer.from(bytes.subarray(0, written)) }, durableWrites);
            return written;
          },
          // A write that fails to be durable is in the cache all the same.
          () => inode.change({ position, bytes: Buffer.from(bytes) }, false),
        ),
      sync: () =>
        this.#call("sync", path, () => {
          assertOpen(true);
          inode.sync();
        }),
      truncate: (size) =>
        this.#call("truncate", path, () => {
          assertOpen(true);
          inode.change({ size }, false);
        }),
      size: () => this.#call("size", path, () => inode.current.length),
      tryLock: () => {
        if (this.#dead) return true;
        const holder = this.#locks.get(inode);
        if (holder === undefined) this.#locks.set(inode, handle);
        return holder === undefined;
      },
      isAt: (other) => this.#call("isAt", other, () => this.#names.get(other) === inode),
      close: async () => {
        if (!open) return;
        open = false;
        this.openFiles--;
        if (this.#locks.get(inode) === handle) this.#locks.delete(inode);
      },
    };
  }

  async #call<T>(
    operation: string,
    path: string,
    work: (share: number) => T,
    all: () => unknown = () => work(1),
  ): Promise<T> {
    if (this.#dead) throw failure("EIO");
    const verdict = this.intercept({ number: ++this.calls, operation, path });
    // It may have killed the process.
    if (this.#dead) throw failure("EIO");
    if (verdict === undefined) return work(1);
    if (verdict === "short") return work(0.5);
    if (verdict.after === "half" && operation === "write") work(0.5);
    // An open that fails has opened nothing.
    if (verdict.after === "all" && operation !== "open") all();
    throw failure(verdict.code);
  }

  #changeNames(path: string, apply: (names: Map<string, Inode>) => void): void {
    apply(this.#names);
    this.#pendingNames.push({ directory: directoryOf(path), apply });
  }

  #inode(path: string): Inode {
    const inode = this.#names.get(path);
    if (!inode) throw failure("ENOENT");
    return inode;
  }
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: made up by a test`), { code });
}
