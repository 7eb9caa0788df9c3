import { DuetError } from "../errors.ts";

interface Waiting {
  readonly revision: number;
  readonly resolve: () => void;
}

/** The longest delay that a timer of Node keeps; a longer one would fire after a millisecond. */
const timerMsMax = 2 ** 31 - 1;

/** Lets readers wait until the store has applied a revision. */
export class RevisionGate {
  readonly #waiting = new Set<Waiting>();
  readonly #closed = new AbortController();

  /** Resolves when `revision` is applied. Rejects with REVISION_NOT_REACHED otherwise. */
  async reached(revision: number, timeoutMs: number, signal: AbortSignal): Promise<void> {
    // A deadline that has just passed is in the past.
    const timeout = AbortSignal.timeout(Math.min(Math.max(timeoutMs, 0), timerMsMax));
    const bounded = AbortSignal.any([this.#closed.signal, signal, timeout]);
    await new Promise<void>((resolve, reject) => {
      const fail = () => {
        this.#waiting.delete(waiting);
        reject(new DuetError("REVISION_NOT_REACHED", `revision ${revision} was not reached in time`));
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

  /** Called after the store has applied `revision`. */
  open(revision: number): void {
    for (const waiting of this.#waiting) {
      if (waiting.revision > revision) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }

  /** Nobody needs to wait any longer. */
  close(): void {
    this.#closed.abort();
  }
}
