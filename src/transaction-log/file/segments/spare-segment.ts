import { closeQuietly, type File, fillWithZeros } from "../file-system.ts";
import type { LogDirectory } from "../log-directory.ts";

const stepBytes = 256 * 1024;

export interface PreparedFile {
  readonly name: string;
  readonly file: File;
}

/**
 * The next segment, filled with zeros ahead of its use: overwriting is durable sooner than growing. It is filled in
 * small steps beside the appends, and can be taken half filled, so that a rotation never waits for more than one step.
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

  /** Begins to prepare one, unless that was begun. A failure is left to `take`, which tries again. */
  prepare(): void {
    this.#filling ??= this.#fill().catch(() => undefined);
  }

  /** Resolves when one is filled, or could not be. */
  async prepared(): Promise<void> {
    this.prepare();
    await this.#filling;
  }

  /** Resolves with an open file that is the caller's. */
  async take(): Promise<PreparedFile> {
    this.#stopped = true;
    const prepared = await this.#filling;
    this.#filling = undefined;
    this.#stopped = false;
    return prepared ?? (await this.#open());
  }

  /** Leaves nothing behind. */
  async discard(): Promise<void> {
    if (!this.#filling) return;
    this.#stopped = true;
    const prepared = await this.#filling;
    this.#filling = undefined;
    if (prepared) await discardFile(this.#directory, prepared);
  }

  async #open(): Promise<PreparedFile> {
    // Each has a name of its own: to begin one must never touch the one that is being put in place.
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
