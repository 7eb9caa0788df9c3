import { DuetError } from "../errors.ts";
import type { ReadonlyStore } from "../store/store.ts";
import type { TransactionLogger } from "../transaction-log/transaction-logger.ts";

/** How fresh a read must be. */
export interface ReadRequirement {
  /** The store has applied this revision; 0: any. */
  readonly minRevision: number;
  /** The store has everything that was durable, by whichever replica, when the read began. */
  readonly linearizable: boolean;
}

/** The call that a read is for. A signal is created when it is first asked for, which is a good part of what a read costs. */
export interface ReadCall {
  /** Milliseconds until the deadline; undefined: none. */
  timeoutMs(): number | undefined;
  readonly signal: AbortSignal;
}

export interface FreshnessOptions {
  readonly store: Pick<ReadonlyStore, "revision">;
  readonly logger: Pick<TransactionLogger, "shared" | "latestSequence">;
  /** Longest wait of a call without a deadline, in milliseconds. */
  readonly waitMs: number;
}

interface Waiting {
  readonly revision: number;
  readonly resolve: () => void;
}

/** The longest delay that a timer of Node keeps; a longer one would fire after a millisecond. */
const timerMsMax = 2 ** 31 - 1;

/** A read waits a little less than its deadline, so that its caller is told which revision was not reached. */
const deadlineShare = 0.9;

/** Lets reads wait until the store is as fresh as they require. */
export class Freshness {
  readonly #options: FreshnessOptions;
  readonly #waiting = new Set<Waiting>();
  readonly #closed = new AbortController();

  constructor(options: FreshnessOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the store is as fresh as required; returns undefined when it is so already. Rejects with
   * REVISION_NOT_REACHED when that is not so in time, with LOG_UNAVAILABLE when the log cannot be asked, and with what
   * `close` was called with.
   */
  reach({ minRevision, linearizable }: ReadRequirement, call: ReadCall): Promise<void> | undefined {
    // Only where others write too can the store be behind.
    const asks = linearizable && this.#options.logger.shared;
    if (minRevision <= this.#options.store.revision) return asks ? this.#reachLatest(call) : undefined;
    const reached = this.#reachRevision(minRevision, call);
    return asks ? reached.then(() => this.#reachLatest(call)) : reached;
  }

  /** Called after the store has applied `revision`. */
  applied(revision: number): void {
    for (const waiting of this.#waiting) {
      if (waiting.revision > revision) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }

  /** Rejects every read that waits, also later ones, with `reason`. */
  close(reason = new DuetError("SHUTTING_DOWN", "the server is shutting down")): void {
    this.#closed.abort(reason);
  }

  async #reachLatest(call: ReadCall): Promise<void> {
    const sequence = await this.#options.logger.latestSequence();
    if (sequence > this.#options.store.revision) await this.#reachRevision(sequence, call);
  }

  async #reachRevision(revision: number, call: ReadCall): Promise<void> {
    const waitMs = Math.floor((call.timeoutMs() ?? this.#options.waitMs) * deadlineShare);
    // A deadline that has just passed is in the past.
    const timeout = AbortSignal.timeout(Math.min(Math.max(waitMs, 0), timerMsMax));
    const bounded = AbortSignal.any([this.#closed.signal, call.signal, timeout]);
    await new Promise<void>((resolve, reject) => {
      const fail = () => {
        this.#waiting.delete(waiting);
        const { aborted, reason } = this.#closed.signal;
        const late = new DuetError("REVISION_NOT_REACHED", `revision ${revision} was not reached in time`);
        reject(aborted ? reason : late);
      };
      const waiting: Waiting = {
        revision,
        resolve: () => {
          bounded.removeEventListener("abort", fail);
          resolve();
        },
      };
      this.#waiting.add(waiting);
      bounded.addEventListener("abort", fail, { once: true });
      if (bounded.aborted) fail();
    });
  }
}
