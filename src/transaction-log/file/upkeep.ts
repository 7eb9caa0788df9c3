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
  /** How long the durable sequence may stay unrecorded, and the free space unmeasured, while the log grows. */
  readonly delayMs: number;
}

/** What is done now and then beside the appends: the lock is checked, the durable sequence recorded, free space measured. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #measuring: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /** To be called after each append. */
  soon(): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#running = this.#run();
    }, this.#options.delayMs).unref();
  }

  /** Damage at or before this sequence can no longer be taken for an append that was never acknowledged. */
  async recordDurable(): Promise<void> {
    const { files, health, mark, sink } = this.#options;
    if (health.lost) return;
    const { lastSequence } = files;
    try {
      await mark.write(lastSequence);
    } catch (error) {
      // Without the record less damage is recognised; that must not stop a start or an append.
      sink.warn({ err: error, lastSequence }, "durable sequence not recorded");
    }
  }

  /** Looks at the free space. Measurements come one after the other. */
  measure(): Promise<void> {
    this.#measuring = this.#measuring.then(() => this.#measure());
    return this.#measuring;
  }

  /** True when the file system had no space left, and what failed may be tried once more. */
  async noteNoSpace(failure: unknown): Promise<boolean> {
    if (!isNoSpace(failure)) return false;
    const mayHelp = await this.#options.space.exhausted().catch(() => false);
    this.soon();
    return mayHelp;
  }

  /** Waits for what is under way, and records the durable sequence for the last time. */
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
      sink.warn({ err: error }, "free space of the log not measured");
    });
    // Also without appends a full disk is looked at again.
    if (space.full || space.compactionWanted) this.soon();
  }
}
