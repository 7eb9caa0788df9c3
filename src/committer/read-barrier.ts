import type { RevisionGate } from "../store/revision-gate.ts";
import type { ReadonlyStore } from "../store/store.ts";
import type { TransactionLogger } from "../transaction-log/transaction-logger.ts";

export interface ReadBarrierOptions {
  readonly store: ReadonlyStore;
  readonly logger: TransactionLogger;
  readonly gate: RevisionGate;
}

/** Makes a read linearizable: lets it pass once the store has everything that was durable when it began. */
export class ReadBarrier {
  readonly #options: ReadBarrierOptions;

  constructor(options: ReadBarrierOptions) {
    this.#options = options;
  }

  /** Whether the store can be behind at all: only where others write too. */
  get needed(): boolean {
    return this.#options.logger.shared;
  }

  /**
   * Rejects with LOG_UNAVAILABLE when the log cannot be asked, and with REVISION_NOT_REACHED when the store does not
   * catch up in time. `timeoutMs` and `signal` are looked at only when there is something to wait for: a signal of its own
   * is a good part of what a read costs.
   */
  async pass(timeoutMs: () => number, signal: () => AbortSignal): Promise<void> {
    const { store, logger, gate } = this.#options;
    const sequence = await logger.latestSequence();
    if (sequence > store.revision) await gate.reached(sequence, timeoutMs(), signal());
  }
}
