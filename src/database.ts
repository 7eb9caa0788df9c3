/**
 * The door of the engine. Service, tests and benchmarks use what this file exports and nothing behind it.
 *
 * A write goes through the committer to the log, and to the store once it is durable; a read comes straight from the
 * store. What is read between two turns of the event loop is of one revision.
 */
import type { CallSpan } from "./committer/engine-tracer.ts";
import type { ReadCall, ReadRequirement } from "./committer/freshness.ts";
import type { Operation, Outcome } from "./committer/operation.ts";
import { type DatabaseMeasurements, measurementsOf } from "./database-measurements.ts";
import { type DatabaseStatus, statusOf } from "./database-status.ts";
import { type Engine, type EngineOptions, openEngine } from "./engine.ts";
import type { Replica } from "./replicas.ts";
import type { Entry } from "./store/entry.ts";
import { type History, revisionCompacted } from "./store/history.ts";
import type { KeyRange } from "./store/key-range.ts";
import { type KeyVersion, keyVersions } from "./store/key-versions.ts";
import { PastState } from "./store/past.ts";
import type { Quota } from "./store/quota-usage.ts";
import type { State, Store } from "./store/store.ts";
import type { WatchOptions } from "./store/watch/hub.ts";
import type { Watch } from "./store/watch/watch.ts";

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

/**
 * Opens a database: replays the log, and resolves when the database is at its end. Rejects with the errors of reading
 * the log.
 */
export async function openDatabase(options: EngineOptions): Promise<Database> {
  return new Database(await openEngine(options));
}

export class Database implements State {
  readonly #engine: Engine;
  readonly #store: Store;
  readonly #history: History;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#store = engine.state.store;
    this.#history = engine.state.history;
  }

  /** Resolves with the cause when this replica can no longer follow the log and a restart helps. */
  get lost(): Promise<unknown> {
    return this.#engine.lost;
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
    return this.#engine.state.freshness.reach(requirement, call, span);
  }

  /** Commits an operation; see `Committer.commit`. Resolves when it is durable and applied. */
  commit(operation: Operation, span?: CallSpan): Promise<Outcome> {
    return this.#engine.committer.commit(operation, span);
  }

  /** Replaces the quotas. In a large store a new one is in force a moment later; see `QuotaUsage`. */
  setQuotas(quotas: readonly Quota[]): void {
    this.#engine.state.quotas.set(quotas);
  }

  /** Opens a watch; see `WatchHub.watch`. */
  watch(options: WatchOptions, signal: AbortSignal): Watch {
    return this.#engine.state.hub.watch(options, signal);
  }

  /** Exports an online backup; see `SnapshotExports.read`. */
  snapshot(signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    return this.#engine.snapshots.read(signal);
  }

  /** The live replicas, including this one. */
  replicas(): readonly Replica[] {
    return this.#engine.replicas.list();
  }

  status(): DatabaseStatus {
    return statusOf(this.#engine);
  }

  /** Of every part of the engine; for metrics. */
  measurements(): DatabaseMeasurements {
    return measurementsOf(this.#engine);
  }

  /** Ends watches and waiting reads, including later ones. Writes and other reads continue until `close`. */
  drain(): void {
    this.#engine.drain();
  }

  /** Drains, finishes the waiting writes, and closes the log. */
  close(): Promise<void> {
    return this.#engine.close();
  }
}
