import { type FileHandle, open } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import type { AuditSink } from "./audit.ts";

/** What may wait for a disk that takes no more, in bytes. */
const waitingBytesMax = 16 * 1024 * 1024;

/** Between two tries to write to a disk that fails, in milliseconds. */
const retryMs = 1000;

/**
 * Appends lines to a file, which is made for its owner alone. A request must not wait for the disk: lines wait instead, up
 * to 16 MiB, and are written once the disk takes them. Further lines are dropped and counted.
 */
export class AuditFile implements AuditSink {
  readonly #path: string;
  readonly #onError: (error: Error) => void;
  #file: FileHandle;
  #mustReopen = false;
  #lines: string[] = [];
  /** What is being written. It may begin in the middle of a line, when the disk took a part of it. */
  #batch: Buffer = Buffer.alloc(0);
  /** The bytes of `#lines` and `#batch`. */
  #waitingBytes = 0;
  #dropped = 0;
  #isDropping = false;
  #isFailing = false;
  #writing: Promise<void> | undefined;
  readonly #closing = new AbortController();

  private constructor(path: string, file: FileHandle, onError: (error: Error) => void) {
    this.#path = path;
    this.#file = file;
    this.#onError = onError;
  }

  /** Rejects when it cannot be opened. `onError` is told once when writing begins to fail, and once when lines are dropped. */
  static async open(path: string, onError: (error: Error) => void): Promise<AuditFile> {
    return new AuditFile(path, await openToAppend(path), onError);
  }

  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): void {
    const bytes = Buffer.byteLength(line);
    if (this.#waitingBytes + bytes > waitingBytesMax) {
      this.#dropped++;
      if (!this.#isDropping) this.#onError(new Error(`${waitingBytesMax} bytes wait; lines are dropped`));
      this.#isDropping = true;
      return;
    }
    this.#isDropping = false;
    this.#lines.push(line);
    this.#waitingBytes += bytes;
    this.#writing ??= this.#writeAll();
  }

  reopen(): void {
    this.#mustReopen = true;
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when all lines are written, or when the disk does not take them. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#writing;
    if (this.#waitingBytes > 0) this.#onError(new Error(`the last ${this.#waitingBytes} bytes are lost`));
    await this.#file.close().catch(this.#onError);
  }

  async #writeAll(): Promise<void> {
    while (this.#mustReopen || this.#waitingBytes > 0) {
      try {
        if (this.#mustReopen) await this.#openAgain();
        await this.#writeSome();
        this.#isFailing = false;
      } catch (error) {
        if (!this.#isFailing) this.#onError(error as Error);
        this.#isFailing = true;
        if (this.#closing.signal.aborted) break;
        // Some errors last as long as the open file does.
        this.#mustReopen = true;
        await setTimeout(retryMs, undefined, { signal: this.#closing.signal }).catch(() => {});
      }
    }
    this.#writing = undefined;
  }

  async #openAgain(): Promise<void> {
    this.#mustReopen = false;
    const before = this.#file;
    this.#file = await openToAppend(this.#path);
    await before.close();
  }

  async #writeSome(): Promise<void> {
    if (this.#batch.length === 0) {
      this.#batch = Buffer.from(this.#lines.join(""));
      this.#lines = [];
    }
    const { bytesWritten } = await this.#file.write(this.#batch);
    this.#batch = this.#batch.subarray(bytesWritten);
    this.#waitingBytes -= bytesWritten;
  }
}

function openToAppend(path: string): Promise<FileHandle> {
  return open(path, "a", 0o600);
}
