import { DuetError } from "../../errors.ts";
import type { ReadonlyStore } from "../../store/store.ts";
import type { Committer } from "../committer.ts";
import type { RequestIndex } from "../request-index.ts";
import type { Clock } from "./clock.ts";

/** How often the index of expiry times is looked at. Entries are deleted at most a second late. */
const intervalMs = 100;
/** How many deletes wait for the log at the same time, so that other writes get their turn between them. */
const sliceLength = 500;

export interface ExpirerOptions {
  readonly store: ReadonlyStore;
  readonly requests: Pick<RequestIndex, "forgetInvalid">;
  readonly committer: Committer;
  readonly clock: Clock;
  /** Whether the clock may decide that an entry has expired. */
  readonly trusted: () => boolean;
  readonly onError: (error: unknown) => void;
}

/**
 * Deletes entries whose time to live has passed: each by a logged delete, unless it was put again or touched
 * meanwhile. Forgets request ids, too.
 */
export class Expirer {
  readonly #options: ExpirerOptions;
  readonly #timer: NodeJS.Timeout;
  #running = false;

  constructor(options: ExpirerOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#expire(), intervalMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #expire(): Promise<void> {
    if (this.#running || !this.#options.trusted()) return;
    this.#running = true;
    try {
      const { store, requests, clock } = this.#options;
      requests.forgetInvalid(clock());
      for (;;) {
        const now = clock();
        const entries = store.expired(now, sliceLength);
        await Promise.all(entries.map(({ key }) => this.#delete(key, now)));
        if (entries.length < sliceLength) return;
      }
    } catch (error) {
      // Nothing is lost: the entries are still in the index, and the next tick tries again.
      this.#options.onError(error);
    } finally {
      this.#running = false;
    }
  }

  async #delete(key: string, now: number): Promise<void> {
    try {
      await this.#options.committer.commit({
        // Not on its revision, which a touch does not change.
        checks: [{ key, condition: { expiredAt: now } }],
        mutations: [{ type: "delete", key, expired: true }],
        requestId: undefined,
      });
    } catch (error) {
      if (!(error instanceof DuetError && error.reason === "REVISION_MISMATCH")) throw error;
    }
  }
}
