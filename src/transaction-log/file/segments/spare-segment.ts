import { closeQuietly, type File, fillWithZeros } from "../file-system.ts";
import type { LogDirectory } from "../log-directory.ts";

const stepBytes = 256 * 1024;

export interface PreparedFile {
  readonly name: string;
  readonly file: File;
}

/**
 * The next segment, filled with zeros in advance, because overwriting a file is durable sooner than extending it. It
 * is filled in small steps between appends and can be taken half filled, so that a rotation never waits for more than
 * one step.
 */
export class SpareSegment {
  readonly #directory: LogDirectory;
  readonly #segmentBytes: number;
  #filling: Promise<PreparedFile | undefined> | undefined;
  #count = 0;
  #stopped = false;

  constructor(directory: LogDirectory, segmentBytes: number) {
    this.#directory = directory;
    this.#segmentBytes = segmentBytes;
  }

  /** Begins to fill a spare, unless that has begun. Errors are ignored; `take` tries again. */
  prepare(): void {
    this.#filling ??= this.#fill().catch(() => undefined);
  }

  /** Resolves when the spare is filled, or filling it has failed. */
  async prepared(): Promise<void> {
    this.prepare();
    await this.#filling;
  }

  /** Resolves with an open file that the caller owns. */
  async take(): Promise<PreparedFile> {
    this.#stopped = true;
    const prepared = await this.#filling;
    this.#filling = undefined;
    this.#stopped = false;
    return prepared ?? (await this.#open());
  }

  /** Removes the spare, if there is one. */
  async discard(): Promise<void> {
    if (!this.#filling) return;
    this.#stopped = true;
    const prepared = await this.#filling;
    this.#filling = undefined;
    if (prepared) await discardFile(this.#directory, prepared);
  }

  async #open(): Promise<PreparedFile> {
    // Every spare has a new name, so that a new one never touches the file that is being put in place.
    const name = `spare-${++this.#count}.log.tmp`;
    return { name, file: await this.#directory.open(name, "createDurable") };
  }

  async #fill(): Promise<PreparedFile> {
    const prepared = await this.#open();
    try {
      for (let offset = 0; offset < this.#segmentBytes && !this.#stopped; offset += stepBytes) {
        await fillWithZeros(prepared.file, offset, Math.min(offset + stepBytes, this.#segmentBytes));
      }
      return prepared;
    } catch (error) {
      // A descriptor that failed once is not used again.
      await discardFile(this.#directory, prepared);
      throw error;
    }
  }
}

async function discardFile(directory: LogDirectory, { name, file }: PreparedFile): Promise<void> {
  await closeQuietly(file);
  await directory.remove(name).catch(() => {});
}
