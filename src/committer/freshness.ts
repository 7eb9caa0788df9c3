import BTreeModule from "sorted-btree";
import { DuetError } from "../errors.ts";
import { durationBounds, Histogram } from "../histogram.ts";
import type { ReadonlyStore } from "../store/store.ts";
import type { TransactionLogger } from "../transaction-log/transaction-logger.ts";
import type { CallSpan, EngineTracer } from "./engine-tracer.ts";

/** How fresh a read must be. */
export interface ReadRequirement {
  /** The store must have applied this revision; 0: any. */
  readonly minRevision: number;
  /** The store must have everything that any replica had made durable when the read began. */
  readonly linearizable: boolean;
}

/**
 * The call of a read. `signal` creates the signal at the first access, which is a good part of the cost of a read.
 */
export interface ReadCall {
  /** Milliseconds until the deadline; undefined: none. */
  timeoutMs(): number | undefined;
  readonly signal: AbortSignal;
}

export interface FreshnessOptions {
  readonly store: Pick<ReadonlyStore, "revision">;
  readonly logger: Pick<TransactionLogger, "shared" | "latestSequence">;
  /** The longest wait of a call without a deadline, in milliseconds. */
  readonly waitMs: number;
  /** Default: nothing is traced. */
  readonly tracer?: EngineTracer | undefined;
}

// The package is CommonJS, but its types declare a default export.
const BTree = BTreeModule.default;

type Release = () => void;

/** The longest delay of a Node timer. With a longer one the timer fires after a millisecond. */
const timerMsMax = 2 ** 31 - 1;

/**
 * The share of the deadline that a read waits. The rest is left to send the error that names the missing revision.
 */
const deadlineShare = 0.9;

/** Makes reads wait until the store is as fresh as they require. */
export class Freshness {
  readonly #options: FreshnessOptions;
  /** What waits for each revision. Ordered, because every run of transactions looks for those that it has reached. */
  readonly #waiting = new BTree<number, Set<Release>>(undefined, (a, b) => a - b);
  readonly #drained = new AbortController();
  readonly #closed = new AbortController();
  /** Of each question to the log, and of applying its answer. */
  readonly barrierSeconds = new Histogram(durationBounds);

  constructor(options: FreshnessOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the store is as fresh as required; returns undefined when it already is. Rejects with
   * REVISION_NOT_REACHED after the wait, with LOG_UNAVAILABLE when the log cannot be read, and with the error that
   * `close` was given. `span` is that of the call, if it is traced.
   */
  reach(
    { minRevision, linearizable }: ReadRequirement,
    call: ReadCall,
    span?: CallSpan,
  ): Promise<void> | undefined {
    // The store can be behind only if the log has other writers.
    const asks = linearizable && this.#options.logger.shared;
    if (minRevision <= this.#options.store.revision) return asks ? this.#reachLatest(call, span) : undefined;
    const reached = this.#reachRevision(minRevision, call, this.#drained.signal);
    return asks ? reached.then(() => this.#reachLatest(call, span)) : reached;
  }

  /** Must be called after the store has applied a run of transactions up to `revision`, in the same turn. */
  applied(revision: number): void {
    for (;;) {
      const next = this.#waiting.minKey();
      if (next === undefined || next > revision) return;
      const reached = this.#waiting.get(next) ?? [];
      this.#waiting.delete(next);
      for (const release of reached) release();
    }
  }

  #wait(revision: number, release: Release): void {
    const waiting = this.#waiting.get(revision);
    if (waiting === undefined) this.#waiting.set(revision, new Set([release]));
    else waiting.add(release);
  }

  #leave(revision: number, release: Release): void {
    const waiting = this.#waiting.get(revision);
    if (waiting?.delete(release) && waiting.size === 0) this.#waiting.delete(revision);
  }

  /**
   * Rejects every read that waits for a `minRevision`, including later ones: it may never come. Reads that wait for what the log
   * has already go on.
   */
  drain(reason = shuttingDown()): void {
    this.#drained.abort(reason);
  }

  /** Rejects every read that waits, including later ones, with `reason`. */
  close(reason = shuttingDown()): void {
    this.drain(reason);
    this.#closed.abort(reason);
  }

  async #reachLatest(call: ReadCall, span: CallSpan | undefined): Promise<void> {
    const begin = performance.now();
    try {
      const sequence = await this.#options.logger.latestSequence();
      if (sequence > this.#options.store.revision)
        await this.#reachRevision(sequence, call, this.#closed.signal);
      this.barrierSeconds.record((performance.now() - begin) / 1000);
    } finally {
      if (span !== undefined) this.#options.tracer?.waited(span, "barrier", begin, performance.now());
    }
  }

  async #reachRevision(revision: number, call: ReadCall, ended: AbortSignal): Promise<void> {
    const waitMs = Math.floor((call.timeoutMs() ?? this.#options.waitMs) * deadlineShare);
    // The deadline may have just passed.
    const timeout = AbortSignal.timeout(Math.min(Math.max(waitMs, 0), timerMsMax));
    const bounded = AbortSignal.any([ended, call.signal, timeout]);
    await new Promise<void>((resolve, reject) => {
      const fail = () => {
        this.#leave(revision, release);
        const { aborted, reason } = ended;
        const late = new DuetError("REVISION_NOT_REACHED", `revision ${revision} was not reached in time`);
        reject(aborted ? reason : late);
      };
      const release = () => {
        bounded.removeEventListener("abort", fail);
        resolve();
      };
      this.#wait(revision, release);
      bounded.addEventListener("abort", fail, { once: true });
      if (bounded.aborted) fail();
    });
  }
}

function shuttingDown(): DuetError {
  return new DuetError("SHUTTING_DOWN", "the server is shutting down");
}
