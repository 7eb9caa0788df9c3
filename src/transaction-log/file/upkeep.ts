import type { LogSink } from "../log-sink.ts";
import type { Health } from "./health.ts";
import { type DiskSpace, isNoSpace } from "./segments/disk-space.ts";
import type { DurableMark } from "./segments/durable-mark.ts";
import type { LogFiles } from "./segments/log-files.ts";

export interface UpkeepOptions {
  readonly files: LogFiles;
  readonly health: Health;
  readonly mark: DurableMark;
  readonly space: DiskSpace;
  readonly sink: LogSink;
  /**
   * The interval at which the durable sequence is recorded and free space measured while the log grows, in
   * milliseconds.
   */
  readonly delayMs: number;
}

/** Periodic work beside the appends: checks the lock, records the durable sequence, and measures free space. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #measuring: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /** Must be called after each append. */
  soon(): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // The one before may still wait for the disk.
      this.#running = this.#running.then(() => this.#run());
    }, this.#options.delayMs).unref();
  }

  /**
   * Records the last sequence as durable. Damage at or before it then counts as damage, not as an append that was
   * never acknowledged.
   */
  async recordDurable(): Promise<void> {
    const { files, health, mark, sink } = this.#options;
    if (health.lost) return;
    const { lastSequence } = files;
    try {
      await mark.write(lastSequence);
    } catch (error) {
      // Without the record some damage looks like a torn end. That must not prevent a start or an append.
      sink.warn({ err: error, lastSequence }, "recording the durable sequence failed");
    }
  }

  /** Measures the free space. Calls are serialized. */
  measure(): Promise<void> {
    this.#measuring = this.#measuring.then(() => this.#measure());
    return this.#measuring;
  }

  /** True when the failure was a full file system and the operation should be tried once more. */
  async noteNoSpace(failure: unknown): Promise<boolean> {
    if (!isNoSpace(failure)) return false;
    const mayHelp = await this.#options.space.exhausted().catch(() => false);
    this.soon();
    return mayHelp;
  }

  /** Waits for running work, and records the durable sequence for the last time. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running;
    await this.#measuring;
    await this.recordDurable();
    await this.#options.mark.close();
  }

  async #run(): Promise<void> {
    const { health } = this.#options;
    try {
      await health.assertLocked();
      await this.recordDurable();
      await this.measure();
    } catch (error) {
      health.fail("the lock of the log could not be checked", error);
    }
  }

  async #measure(): Promise<void> {
    const { files, space, sink } = this.#options;
    await space.measure(files.logBytes).catch((error: unknown) => {
      sink.warn({ err: error }, "measuring free space failed");
    });
    // Measure a full disk again even without appends.
    if (space.full || space.compactionWanted) this.soon();
  }
}
