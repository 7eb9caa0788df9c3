import { DuetError } from "../../errors.ts";
import type { ReadonlyStore } from "../../store/store.ts";
import type { Committer } from "../committer.ts";
import type { Clock } from "./clock.ts";

/** How often the expiry index is checked, in milliseconds. Entries are deleted at most a second late. */
const intervalMs = 100;
/** The number of deletes that wait for the log at the same time. Other writes run between such slices. */
const sliceLength = 500;

export interface ExpirerOptions {
  readonly store: ReadonlyStore;
  readonly committer: Committer;
  readonly clock: Clock;
  /** Whether the clock is accurate enough to expire entries. */
  readonly trusted: () => boolean;
  readonly onError: (error: unknown) => void;
}

/**
 * Deletes entries whose time to live has passed. Each delete is logged, on the condition that the entry has not been
 * put again or touched.
 */
export class Expirer {
  readonly #options: ExpirerOptions;
  readonly #timer: NodeJS.Timeout;
  #running = false;
  /** Entries that were deleted. */
  expired = 0;

  constructor(options: ExpirerOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#expire(), intervalMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** How long the entry that should have been deleted first is overdue, in milliseconds; 0: none is. */
  get lagMs(): number {
    const now = this.#options.clock();
    const [overdue] = this.#options.store.expired(now, 1);
    return overdue === undefined ? 0 : Math.max(0, now - overdue.expireTime);
  }

  async #expire(): Promise<void> {
    if (this.#running || !this.#options.trusted()) return;
    this.#running = true;
    try {
      const { store, clock } = this.#options;
      for (;;) {
        const now = clock();
        const entries = store.expired(now, sliceLength);
        // All have settled before the next tick may queue a key again.
        const outcomes = await Promise.allSettled(entries.map(({ key }) => this.#delete(key, now)));
        const failed = outcomes.find(({ status }) => status === "rejected");
        if (failed?.status === "rejected") throw failed.reason;
        if (entries.length < sliceLength) return;
      }
    } catch (error) {
      // No entry is missed: it stays in the expiry index, and the next tick tries again.
      this.#options.onError(error);
    } finally {
      this.#running = false;
    }
  }

  async #delete(key: string, now: number): Promise<void> {
    try {
      await this.#options.committer.commitBeyondLimit({
        // The condition is not the revision, which a touch does not change.
        checks: [{ key, condition: { expiredAt: now } }],
        mutations: [{ type: "delete", key, expired: true }],
        requestId: undefined,
      });
      this.expired++;
    } catch (error) {
      if (!(error instanceof DuetError && error.reason === "REVISION_MISMATCH")) throw error;
    }
  }
}
