/**
 * The door of the engine. Service, tests and benchmarks use what this file exports and nothing behind it.
 *
 * A write goes through the committer to the log, and to the store once it is durable; a read comes straight from the
 * store. What is read between two turns of the event loop is of one revision.
 */
import type { Requirement } from "./committer/batch.ts";
import type { CallSpan } from "./committer/engine-tracer.ts";
import type { ReadCall, ReadRequirement } from "./committer/freshness.ts";
import type { Operation, Outcome } from "./committer/operation.ts";
import { type DatabaseMeasurements, measurementsOf } from "./database-measurements.ts";
import { type DatabaseStatus, statusOf } from "./database-status.ts";
import { type Engine, type EngineOptions, openEngine } from "./engine.ts";
import { DuetError } from "./errors.ts";
import type { Replica, Writer } from "./replicas.ts";
import type { Entry, EntryView } from "./store/entry.ts";
import { type History, revisionCompacted } from "./store/history.ts";
import type { KeyRange } from "./store/key-range.ts";
import { type KeyVersion, keyVersions } from "./store/key-versions.ts";
import { PastState } from "./store/past.ts";
import type { Quota } from "./store/quota-usage.ts";
import type { State, Store } from "./store/store.ts";
import type { WatchOptions } from "./store/watch/hub.ts";
import type { Watch } from "./store/watch/watch.ts";

export { operationBytes } from "./committer/committer.ts";
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
export type { Replica, Writer } from "./replicas.ts";
export type { ChangeSet } from "./store/change-set.ts";
export {
  type EncodedEntry,
  type Entry,
  type EntryHead,
  type EntryView,
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
export { idBytesOf, toRequestId } from "./transaction-log/codec/request-id.ts";
export type { TransactionLogger, Value } from "./transaction-log/transaction-logger.ts";

/** Where the operations of clients are committed, if not here. */
export interface Forwarding {
  /** Commits on another replica, as `Database.commit`; undefined: commit here. */
  forward(operation: Operation, span?: CallSpan): Promise<Outcome> | undefined;
}

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
  /** Asked before each operation of a client is committed here. */
  forwarding: Forwarding | undefined;

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

  /** Of the entries at `revision`, in hexadecimal. */
  get stateHash(): string {
    return this.#store.hash;
  }

  /** The `stateHash` at an earlier revision; undefined when it is no longer known, and where the log has one owner only. */
  stateHashAt(revision: number): string | undefined {
    return this.#engine.comparison?.hashAt(revision);
  }

  /** The entry of a key; undefined when there is none. */
  get(key: string): Entry | undefined {
    return this.#store.get(key);
  }

  /** The entry of a key, to be sent in this turn of the event loop; see `State.view`. */
  view(key: string): EntryView | undefined {
    return this.#store.view(key);
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

  /**
   * Commits an operation, here or on the replica that appends for all; see `Committer.commit`. Resolves when it is durable
   * and applied here.
   */
  commit(operation: Operation, span?: CallSpan): Promise<Outcome> {
    // Without its log this replica could not apply what the other one appends.
    const forwarding = this.#engine.logger.fault === undefined ? this.forwarding : undefined;
    return forwarding?.forward(operation, span) ?? this.commitHere(operation, span);
  }

  /** Commits an operation by an append of this replica; see `Committer.commit`. */
  commitHere(operation: Operation, span?: CallSpan, requirement?: Requirement): Promise<Outcome> {
    return this.#engine.committer.commit(operation, span, requirement);
  }

  /** As `commitHere`, of an operation that another queue has admitted: a full queue does not refuse it. */
  commitAdmitted(operation: Operation, span?: CallSpan, requirement?: Requirement): Promise<Outcome> {
    return this.#engine.committer.commitBeyondLimit(operation, span, requirement);
  }

  /** Bytes of the operations that are committed here and have not settled. */
  get queueBytes(): number {
    return this.#engine.committer.queueBytes;
  }

  /** By the clock of the log, in milliseconds since 1970 UTC. */
  get time(): number {
    return this.#engine.clock();
  }

  /** Whether the key may have changed after `revision`: it has, or the history begins later. */
  mayHaveChanged(key: string, revision: number): boolean {
    return revision < this.#history.oldest || this.#history.changeAfter(key, revision) !== undefined;
  }

  /** The newest revision in the log at some moment after the call. Rejects with the errors of reading the log. */
  latestRevision(): Promise<number> {
    return this.#engine.logger.latestSequence();
  }

  /**
   * Resolves when everything up to `revision` is applied. Rejects with REVISION_NOT_REACHED when the log ends before it, and
   * with the errors of reading the log.
   */
  async reach(revision: number): Promise<void> {
    if (this.#store.revision >= revision) return;
    await this.#engine.applier.reach(revision);
    if (this.#store.revision >= revision) return;
    throw new DuetError("REVISION_NOT_REACHED", `the log ends before revision ${revision}`);
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

  /** Of the store, in hexadecimal: another one means another history. */
  get storeId(): string {
    return this.#engine.storeId;
  }

  /** Of this process among the replicas of the store. */
  get replicaId(): string {
    return this.#engine.replicas.id;
  }

  /** Whether other replicas may have the log open, too. */
  get isShared(): boolean {
    return this.#engine.logger.shared;
  }

  /**
   * Shows the other replicas HOST:PORT, where this one takes operations, while it can be trusted with them; undefined: it
   * takes none.
   */
  advertise(address: string | undefined): void {
    this.#engine.logger.advertise?.(() => (this.#engine.isSound ? address : undefined));
  }

  /** The replica that appends for all; undefined: this one appends by itself. */
  writer(): Writer | undefined {
    return this.#engine.replicas.writer();
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

  /** Ends watches, and reads that wait for a revision of the future, including later ones. All else continues until `close`. */
  drain(): void {
    this.#engine.drain();
  }

  /** Drains, finishes the waiting writes, and closes the log. */
  close(): Promise<void> {
    return this.#engine.close();
  }
}
