/**
 * The door of the engine. Service, tests and benchmarks use what this file exports and nothing behind it.
 *
 * A write goes through the committer to the log, and to the store once it is durable; a read comes straight from the
 * store. What is read between two turns of the event loop is of one revision.
 */
import { Applier } from "./committer/applier.ts";
import { type Clock, createClock, createSharedClock } from "./committer/background/clock.ts";
import { Compactor } from "./committer/background/compactor.ts";
import { Expirer } from "./committer/background/expirer.ts";
import { ReplicaComparison } from "./committer/background/replica-comparison.ts";
import { SnapshotExports } from "./committer/background/snapshot-exports.ts";
import { Committer } from "./committer/committer.ts";
import type { CallSpan } from "./committer/engine-tracer.ts";
import type { Freshness, ReadCall, ReadRequirement } from "./committer/freshness.ts";
import type { Operation, Outcome } from "./committer/operation.ts";
import { openReplayedState, type ReplayedState, type ReplayOptions } from "./committer/replayed-state.ts";
import type { RequestIndex } from "./committer/request-index.ts";
import type { DatabaseMeasurements } from "./database-measurements.ts";
import type { DatabaseStatus } from "./database-status.ts";
import { DuetError } from "./errors.ts";
import { type Replica, Replicas } from "./replicas.ts";
import type { Entry } from "./store/entry.ts";
import { type History, revisionCompacted } from "./store/history.ts";
import type { KeyRange } from "./store/key-range.ts";
import { type KeyVersion, keyVersions } from "./store/key-versions.ts";
import { PastState } from "./store/past.ts";
import type { Quota, QuotaUsage } from "./store/quota-usage.ts";
import type { State, Store } from "./store/store.ts";
import type { WatchHub, WatchOptions } from "./store/watch/hub.ts";
import type { Watch } from "./store/watch/watch.ts";
import type { TransactionLogger } from "./transaction-log/transaction-logger.ts";

export type { CallSpan, EngineTracer } from "./committer/engine-tracer.ts";
export type { ReadCall, ReadRequirement } from "./committer/freshness.ts";
export type {
  Check,
  Condition,
  Mutation,
  Operation,
  Outcome,
} from "./committer/operation.ts";
export type { DatabaseMeasurements } from "./database-measurements.ts";
export type { DatabaseStatus } from "./database-status.ts";
export type { Replica } from "./replicas.ts";
export type { ChangeSet } from "./store/change-set.ts";
export {
  type Entry,
  type EntryHead,
  entryOverheadBytes,
  valueBytes,
  valueBytesBound,
} from "./store/entry.ts";
export { Slice } from "./store/give-way.ts";
export { prefixEnd, toOrderKey } from "./store/key-order.ts";
export {
  afterKey,
  beforeKey,
  beyondPrefix,
  emptyRange,
  type KeyRange,
  keyRange,
  prefixRange,
} from "./store/key-range.ts";
export type { KeyVersion } from "./store/key-versions.ts";
export type { Quota } from "./store/quota-usage.ts";
export type { Change, State } from "./store/store.ts";
export { textBytes } from "./store/text.ts";
export type { WatchOptions } from "./store/watch/hub.ts";
export { type Selector, unite } from "./store/watch/selector.ts";
export type { Watch, WatchMessage } from "./store/watch/watch.ts";
export type { TransactionLogger, Value } from "./transaction-log/transaction-logger.ts";

export interface DatabaseOptions extends ReplayOptions {
  /** Closed with the database; the caller closes it when `openDatabase` rejects. */
  readonly logger: TransactionLogger;
  /** How long the reader of a snapshot may wait before it takes the next piece, in milliseconds. Default: 30 s. */
  readonly snapshotStallMs?: number;
}

/**
 * Opens a database: replays the log, and resolves when the database is at its end. Rejects with the errors of reading
 * the log.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  return new Database(options, await openReplayedState(options));
}

export class Database implements State {
  readonly #store: Store;
  readonly #requests: RequestIndex;
  readonly #quotas: QuotaUsage;
  readonly #history: History;
  readonly #hub: WatchHub;
  readonly #freshness: Freshness;
  readonly #logger: TransactionLogger;
  readonly #committer: Committer;
  readonly #compactor: Compactor;
  readonly #expirer: Expirer;
  readonly #following = new AbortController();
  readonly #followed: Promise<void>;
  readonly #comparison: ReplicaComparison | undefined;
  readonly #snapshots: SnapshotExports;
  readonly #clock: Clock;
  readonly #replicas: Replicas;
  readonly #lost = Promise.withResolvers<unknown>();
  #followsLog = true;

  constructor(options: DatabaseOptions, state: ReplayedState) {
    const { logger, limits, log } = options;
    const { store, requests, quotas } = state;
    this.#store = store;
    this.#requests = requests;
    this.#quotas = quotas;
    this.#history = state.history;
    this.#hub = state.hub;
    this.#freshness = state.freshness;
    this.#logger = logger;
    const clock = logger.clock ? createSharedClock(logger.clock) : createClock(store.time);
    this.#clock = clock;
    this.#replicas = new Replicas(logger, store, clock);
    this.#compactor = new Compactor({
      store,
      requests,
      history: state.history,
      garbage: state.garbage,
      logger,
      bytesMin: limits.compactionBytesMin,
      onError: (error) => log.warn({ err: error }, "compaction failed; it will be tried again"),
    });
    this.#compactor.check();
    const comparison = logger.shared ? new ReplicaComparison({ store, logger, log }) : undefined;
    this.#comparison = comparison;
    const applier = new Applier({
      store,
      logger,
      onApplied(transaction, changes) {
        state.applied(transaction, changes);
        comparison?.applied();
      },
      onRun: () => this.#compactor.check(),
    });
    this.#committer = new Committer({
      store,
      requests,
      quotas,
      logger,
      limits,
      clock,
      applier,
      tracer: options.tracer,
    });
    this.#expirer = new Expirer({
      store,
      requests,
      committer: this.#committer,
      clock,
      trusted: () => logger.clock?.agrees ?? true,
      onError: (error) => log.debug({ err: error }, "expired entries not deleted yet"),
    });
    this.#snapshots = new SnapshotExports({
      store,
      storeId: logger.id,
      keptBytesMax: limits.snapshotBytesMax,
      stallMs: options.snapshotStallMs ?? 30_000,
    });
    this.#followed = applier.follow(this.#following.signal).catch((error: unknown) => {
      log.error({ err: error }, "following the log ended; this replica must start again");
      this.#stopFollowing(error);
    });
  }

  /** Resolves with the cause when this replica can no longer follow the log and a restart helps. */
  get lost(): Promise<unknown> {
    return this.#lost.promise;
  }

  /** The sequence of the last applied transaction. */
  get revision(): number {
    return this.#store.revision;
  }

  /** The entry of a key; undefined when there is none. */
  get(key: string): Entry | undefined {
    return this.#store.get(key);
  }

  /** The entries in key order. Lazy: consume them within one turn of the event loop. */
  scan(range: KeyRange, reverse: boolean): Generator<Entry, void> {
    return this.#store.scan(range, reverse);
  }

  /** The number of keys in the range. */
  count(range: KeyRange): number {
    return this.#store.count(range);
  }

  /** The oldest revision that `at` accepts. */
  get oldestState(): number {
    return this.#history.oldestState;
  }

  /** The state at an earlier revision, see `PastState`. Throws REVISION_COMPACTED when the history does not reach back to it. */
  at(revision: number): State {
    if (revision === this.#store.revision) return this.#store;
    if (revision < this.oldestState) throw revisionCompacted(this.oldestState);
    return new PastState(this.#store, this.#history, revision);
  }

  /**
   * The versions of a key before revision `before`, the newest first, as far as the history has them. Lazy: consume
   * them within one turn of the event loop.
   */
  versions(key: string, before: number): Generator<KeyVersion, void> {
    return keyVersions(this.#store, this.#history, key, before);
  }

  /** See `Freshness.reach`. Await the result before a read, unless it is undefined. */
  fresh(requirement: ReadRequirement, call: ReadCall, span?: CallSpan): Promise<void> | undefined {
    return this.#freshness.reach(requirement, call, span);
  }

  /** Commits an operation; see `Committer.commit`. Resolves when it is durable and applied. */
  commit(operation: Operation, span?: CallSpan): Promise<Outcome> {
    return this.#committer.commit(operation, span);
  }

  /** Replaces the quotas. In a large store a new one is in force a moment later; see `QuotaUsage`. */
  setQuotas(quotas: readonly Quota[]): void {
    this.#quotas.set(quotas);
  }

  /** Opens a watch; see `WatchHub.watch`. */
  watch(options: WatchOptions, signal: AbortSignal): Watch {
    return this.#hub.watch(options, signal);
  }

  /** Exports an online backup; see `SnapshotExports.read`. */
  snapshot(signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    return this.#snapshots.read(signal);
  }

  /** The live replicas, including this one. */
  replicas(): readonly Replica[] {
    return this.#replicas.list();
  }

  status(): DatabaseStatus {
    return {
      storeId: this.#logger.id,
      revision: this.#store.revision,
      oldestRevision: this.#history.oldest,
      entries: this.#store.size,
      stateHash: this.#store.hash,
      storeBytes: this.#store.bytes,
      watchers: this.#hub.watchers,
      queueBytes: this.#committer.queueBytes,
      historyBytes: this.#history.bytes,
      requestIds: this.#requests.size,
      requestIdsBytes: this.#requests.bytes,
      fault: this.#logger.fault,
      followsLog: this.#followsLog,
      differingReplicas: this.#comparison?.differing ?? 0,
      difference: this.#comparison?.fault,
      snapshots: this.#snapshots.counts,
    };
  }

  /** Of every part of the engine; for metrics. */
  measurements(): DatabaseMeasurements {
    const oldestTime = this.#history.at(this.#history.oldest + 1)?.time;
    return {
      appendSeconds: this.#committer.appendSeconds,
      batchTransactions: this.#committer.batchTransactions,
      queueWaitSeconds: this.#committer.queueWaitSeconds,
      appendFailures: this.#committer.appendFailures,
      barrierSeconds: this.#freshness.barrierSeconds,
      compactionSeconds: this.#compactor.seconds,
      compactions: this.#compactor.counts,
      expiry: this.#expirer,
      watches: this.#hub,
      historyAgeMs: oldestTime === undefined ? 0 : Math.max(0, this.#clock() - oldestTime),
      replicaLag: this.#replicas.lag(),
      log: this.#logger.usage ?? {},
    };
  }

  /** Ends watches and waiting reads, including later ones. Writes and other reads continue until `close`. */
  drain(): void {
    this.#hub.close();
    this.#freshness.close();
  }

  /** Drains, finishes the waiting writes, and closes the log. */
  async close(): Promise<void> {
    this.drain();
    this.#expirer.close();
    this.#compactor.close();
    await this.#committer.close();
    this.#following.abort();
    // `follow` may be waiting for a database that does not respond; closing the log ends that.
    await Promise.all([this.#followed, this.#logger.close()]);
  }

  #stopFollowing(error: unknown): void {
    this.#followsLog = false;
    if (!(error instanceof DuetError && error.reason === "DATABASE_WENT_BACK_IN_TIME")) {
      return this.#lost.resolve(error);
    }
    // The process stays, because it may hold the only copy of the lost transactions. But waiting calls must end.
    this.#hub.close(error);
    this.#freshness.close(error);
  }
}
