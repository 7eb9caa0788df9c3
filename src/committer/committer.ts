import { DuetError } from "../errors.ts";
import { durationBounds, Histogram } from "../histogram.ts";
import type { Limits } from "../limits.ts";
import { entryBytes, entryOverheadBytes } from "../store/entry.ts";
import type { QuotaUsage } from "../store/quota-usage.ts";
import type { ReadonlyStore } from "../store/store.ts";
import { textBytes } from "../store/text.ts";
import type { Transaction, TransactionLogger } from "../transaction-log/transaction-logger.ts";
import type { Applier } from "./applier.ts";
import type { Clock } from "./background/clock.ts";
import { Batch, type BatchLimits, type Requirement } from "./batch.ts";
import { BatchQuotas } from "./batch-quotas.ts";
import { BatchRequests } from "./batch-requests.ts";
import type { CallSpan, EngineTracer } from "./engine-tracer.ts";
import type { Operation, Outcome } from "./operation.ts";
import type { RequestIndex } from "./request-index.ts";

/** The most bytes of one append. Further operations wait for the next one. */
const batchBytesMax = 8 * 1024 * 1024;

/** Upper bounds of the transactions in one append. */
const batchBounds = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/** Bytes of memory that a check takes in addition to its key. */
const checkOverheadBytes = 128;

interface Waiting {
  readonly operation: Operation;
  readonly bytes: number;
  /** When `commit` was called, by the monotonic clock. */
  readonly since: number;
  /** Of its call, if that is traced. */
  readonly span: CallSpan | undefined;
  readonly requirement: Requirement | undefined;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

export interface CommitterOptions {
  readonly store: ReadonlyStore;
  readonly logger: TransactionLogger;
  /** Must be up to date with the store. */
  readonly requests: RequestIndex;
  /** Must be up to date with the store. Default: no quotas. */
  readonly quotas?: QuotaUsage;
  readonly limits: BatchLimits & Pick<Limits, "queueBytesMax" | "requestIdsBytesMax">;
  readonly clock: Clock;
  readonly applier: Applier;
  /** Default: nothing is traced. */
  readonly tracer?: EngineTracer | undefined;
}

/**
 * The only writer. It evaluates waiting operations in order and appends the result in one call, while the next operations
 * gather (group commit).
 *
 * Invariants:
 * - At most one append is under way, and the store changes only after an append has succeeded.
 * - A batch is evaluated against the revision at which it is appended; when the log has moved on, it is evaluated again.
 * - An operation settles only after its batch is durable, also when its check failed or it changed nothing: the state that
 *   it was evaluated against may be part of that batch.
 * - Operations are evaluated in the order of their `commit` calls, and each settles exactly once.
 * - `queueBytes` is the sum of all operations that have not settled.
 */
export class Committer {
  readonly #options: CommitterOptions;
  readonly #requests: BatchRequests;
  #queue: Waiting[] = [];
  #queueBytes = 0;
  #running: Promise<void> | undefined;
  #closed = false;
  readonly appendSeconds = new Histogram(durationBounds);
  readonly batchTransactions = new Histogram(batchBounds);
  /** Of each operation, until its batch begins. */
  readonly queueWaitSeconds = new Histogram(durationBounds);
  /** By reason. */
  readonly appendFailures = new Map<string, number>();

  constructor(options: CommitterOptions) {
    this.#options = options;
    this.#requests = new BatchRequests(options.requests, options.limits.requestIdsBytesMax);
  }

  /** Bytes of the operations that have not settled. */
  get queueBytes(): number {
    return this.#queueBytes;
  }

  /**
   * Resolves when the operation is durable and applied. Rejects with the errors of `Batch.evaluate`, OVERLOADED,
   * SHUTTING_DOWN, LOG_UNAVAILABLE (nothing was written), OUTCOME_UNKNOWN, or what `requirement` throws. `span` is that of
   * the call, if it is traced.
   */
  commit(operation: Operation, span?: CallSpan, requirement?: Requirement): Promise<Outcome> {
    const bytes = operationBytes(operation);
    if (this.#queueBytes > 0 && this.#queueBytes + bytes > this.#options.limits.queueBytesMax) {
      return Promise.reject(
        new DuetError(
          "OVERLOADED",
          "too many writes wait for the log; the limit is --queue-bytes-max. Try again later",
        ),
      );
    }
    return this.#enqueue(operation, bytes, span, requirement);
  }

  /**
   * As `commit`, but a full queue does not refuse it: for what another queue has admitted, and for the deletes of expired
   * entries, of which the caller must keep only a few under way. Refused like a client's write they would never get through
   * while clients fill the queue.
   */
  commitBeyondLimit(operation: Operation, span?: CallSpan, requirement?: Requirement): Promise<Outcome> {
    return this.#enqueue(operation, operationBytes(operation), span, requirement);
  }

  #enqueue(
    operation: Operation,
    bytes: number,
    span: CallSpan | undefined,
    requirement: Requirement | undefined,
  ): Promise<Outcome> {
    if (this.#closed) return Promise.reject(new DuetError("SHUTTING_DOWN", "the server is shutting down"));
    return new Promise((resolve, reject) => {
      this.#queue.push({ operation, bytes, since: performance.now(), span, requirement, resolve, reject });
      this.#queueBytes += bytes;
      this.#running ??= this.#run();
    });
  }

  /** Refuses new operations. Resolves when all waiting operations have settled. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    // Operations of the same turn of the event loop share the first append.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) await this.#commitBatch();
    this.#running = undefined;
  }

  /** Takes operations from the queue, as many as fit in one append together with those in `batch`. */
  #take(batch: readonly Waiting[] = []): Waiting[] {
    let bytes = batch.reduce((sum, waiting) => sum + waiting.bytes, 0);
    let count = 0;
    for (const waiting of this.#queue) {
      bytes += waiting.bytes;
      if (bytes > batchBytesMax && batch.length + count > 0) break;
      count++;
    }
    if (count === this.#queue.length) {
      const all = this.#queue;
      this.#queue = [];
      return all;
    }
    return this.#queue.splice(0, count);
  }

  async #commitBatch(): Promise<void> {
    const waiting = this.#take();
    this.#measureWait(waiting);
    try {
      const settlements = await this.#append(waiting);
      for (const settle of settlements) settle();
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    } finally {
      for (const { bytes } of waiting) this.#queueBytes -= bytes;
    }
  }

  /**
   * Evaluates and appends the operations. When another writer has appended first, it catches up and evaluates again.
   * Resolves when the transactions are durable and applied. Operations that arrive meanwhile join the next attempt.
   */
  async #append(waiting: Waiting[]): Promise<readonly (() => void)[]> {
    const { store, logger, limits, clock, applier, quotas } = this.#options;
    /** Whether the store has everything that was durable when the operations were submitted. */
    let fresh = !logger.shared;
    for (;;) {
      const basis = store.revision;
      const now = clock();
      const batch = new Batch(store, this.#requests, limits, now, {
        putRefusal: logger.deletesOnly ? logger.fault : undefined,
        quotas: quotas === undefined || quotas.isEmpty ? undefined : new BatchQuotas(quotas),
      });
      const settlements = waiting.map((each) => settlement(batch, each));
      const { transactions } = batch;
      const newest = await this.#appendAt(basis, transactions, fresh, waiting);
      if (newest <= basis) {
        applier.apply(transactions, batch.entries);
        return settlements;
      }
      await this.#reach(newest);
      // Under contention, retry with everything that is queued. A batch without transactions does not wait for
      // others.
      const joining = transactions.length === 0 ? [] : this.#take(waiting);
      this.#measureWait(joining);
      waiting.push(...joining);
      fresh = joining.length === 0;
    }
  }

  /**
   * Appends directly after `basis`. Resolves with `basis` when that succeeded, otherwise with the log's newest
   * sequence.
   */
  async #appendAt(
    basis: number,
    transactions: readonly Transaction[],
    fresh: boolean,
    waiting: readonly Waiting[],
  ): Promise<number> {
    const { logger } = this.#options;
    // A batch without changes is a read. Once fresh, it need not see the newest state, which it might never reach
    // while others write.
    if (transactions.length === 0) return fresh ? basis : logger.latestSequence();
    const begin = performance.now();
    const outcome = await logger.append(basis, transactions).catch((error: unknown) => {
      const reason = error instanceof DuetError ? error.reason : "INTERNAL";
      this.appendFailures.set(reason, (this.appendFailures.get(reason) ?? 0) + 1);
      this.#traceAppend(waiting, begin, reason);
      throw error;
    });
    this.#traceAppend(waiting, begin, outcome.appended ? "appended" : "conflict");
    this.appendSeconds.record((performance.now() - begin) / 1000);
    this.batchTransactions.record(transactions.length);
    if (outcome.appended) return basis;
    const { latest = basis + 1 } = outcome;
    if (latest > basis) return latest;
    throw new DuetError("LOG_UNAVAILABLE", `the log ends at ${latest}, before the store's revision ${basis}`);
  }

  #measureWait(operations: readonly Waiting[]): void {
    const now = performance.now();
    for (const { since, span } of operations) {
      this.queueWaitSeconds.record((now - since) / 1000);
      if (span !== undefined) this.#options.tracer?.waited(span, "queue", since, now);
    }
  }

  #traceAppend(operations: readonly Waiting[], begin: number, outcome: string): void {
    const { tracer } = this.#options;
    if (tracer === undefined) return;
    const spans = operations.flatMap(({ span }) => (span === undefined ? [] : [span]));
    if (spans.length > 0) tracer.appended(spans, begin, performance.now(), outcome);
  }

  async #reach(sequence: number): Promise<void> {
    try {
      await this.#options.applier.reach(sequence);
    } catch (error) {
      // For the caller it makes no difference whether the log is unavailable or damaged: nothing was written.
      if (!(error instanceof DuetError) || error.reason === "DATABASE_WENT_BACK_IN_TIME") throw error;
      throw new DuetError("LOG_UNAVAILABLE", error.message, { cause: error });
    }
  }
}

function settlement(batch: Batch, { operation, requirement, resolve, reject }: Waiting): () => void {
  try {
    const outcome = batch.evaluate(operation, requirement);
    return () => resolve(outcome);
  } catch (error) {
    return () => reject(error);
  }
}

/** The memory that an operation takes while it waits, in bytes. */
export function operationBytes({ checks, mutations }: Operation): number {
  let bytes = 0;
  for (const { key } of checks) bytes += checkOverheadBytes + textBytes(key);
  for (const mutation of mutations) {
    bytes +=
      mutation.type === "put"
        ? entryBytes(mutation.key, mutation.value, mutation.ttlMs)
        : entryOverheadBytes + textBytes(mutation.key);
  }
  // A fixed cost for each operation, so that many empty ones are bounded, too.
  return bytes + 256;
}
