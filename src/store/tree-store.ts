import type { Transaction, TransactionEvent } from "../transaction-log/transaction-logger.ts";
import { asciiEntryBytes, type Entry, entryAfter, entryBytes } from "./entry.ts";
import { ExpiryIndex } from "./expiry-index.ts";
import type { KeyRange } from "./key-range.ts";
import { noRef, type Ref, type Slabs } from "./memory/slabs.ts";
import { Snapshot, type SnapshotBounds, unbounded } from "./snapshot.ts";
import { StateHash } from "./state-hash.ts";
import type { Change, Store } from "./store.ts";
import { toByteRange } from "./tree/byte-range.ts";
import { Tree } from "./tree/tree.ts";

/** The most records and pages that are moved out of sparse blocks with each transaction. */
const movesMax = 16;

/**
 * A tree outside the JavaScript heap. Each read makes a new entry from the bytes of its record, so an entry stays as it is
 * whatever happens to the store. The service does not use it yet; see docs/store.md.
 */
export class TreeStore implements Store {
  readonly #tree: Tree;
  readonly #expiries = new ExpiryIndex();
  readonly #snapshots = new Set<Snapshot>();
  readonly #hash = new StateHash();
  #revision = 0;
  #time = 0;
  #bytes = 0;

  constructor(slabs: Slabs) {
    this.#tree = new Tree(slabs);
  }

  get revision(): number {
    return this.#revision;
  }

  get time(): number {
    return this.#time;
  }

  get size(): number {
    return this.#tree.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get hash(): string {
    return this.#hash.toString();
  }

  copyHash(target: Int32Array, offset: number): void {
    this.#hash.copyTo(target, offset);
  }

  get(key: string): Entry | undefined {
    return this.#entryOf(this.#tree.find(key));
  }

  *scan(range: KeyRange, reverse: boolean): Generator<Entry, void> {
    for (const ref of this.#refs(range, reverse)) yield this.#entry(ref);
  }

  *keys(range: KeyRange, reverse: boolean): Generator<string, void> {
    for (const ref of this.#refs(range, reverse)) yield this.#tree.records.key(ref);
  }

  count(range: KeyRange): number {
    return this.#tree.view().count(toByteRange(range));
  }

  expired(now: number, limit: number): readonly Entry[] {
    return this.#expiries.expired(now, limit).map((key) => this.#entry(this.#tree.find(key)));
  }

  snapshot(bounds: Partial<SnapshotBounds> = {}): Snapshot {
    const snapshot: Snapshot = new Snapshot({
      ...unbounded,
      ...bounds,
      revision: this.#revision,
      keys: (range) => this.keys(range, false),
      current: (key) => this.get(key),
      onRelease: () => this.#snapshots.delete(snapshot),
    });
    this.#snapshots.add(snapshot);
    return snapshot;
  }

  apply(
    transaction: Omit<Transaction, "request">,
    entries?: readonly (Entry | undefined)[],
  ): readonly Change[] {
    const { sequence, time, events } = transaction;
    if (sequence <= this.#revision) {
      throw new Error(`transaction ${sequence} cannot be applied to a store at revision ${this.#revision}`);
    }
    const changes: Change[] = [];
    for (let index = 0; index < events.length; index++) {
      const event = events[index] as TransactionEvent;
      const { key, type } = event;
      const previous = this.#entryOf(this.#tree.find(key), key);
      const touched = type === "touch";
      if (touched && previous === undefined) continue;
      const entry = entries?.[index] ?? entryAfter(transaction, event, previous);
      this.#replace(key, previous, entry);
      const expired = type === "delete" && event.expired;
      changes.push({ key, entry, previous, expired, touched, revision: sequence });
    }
    this.#tree.evacuate(movesMax);
    this.#revision = sequence;
    this.#time = time;
    this.#tree.publish(sequence, time);
    return changes;
  }

  advance(revision: number): void {
    this.#revision = Math.max(this.#revision, revision);
    this.#tree.publish(this.#revision, this.#time);
  }

  /** Throws when an invariant of the tree does not hold. Walks everything; for tests and debugging. */
  verify(): void {
    this.#tree.verify();
  }

  #refs(range: KeyRange, reverse: boolean): Generator<Ref, void> {
    return this.#tree.view().refs(toByteRange(range), reverse);
  }

  #entryOf(ref: Ref, key?: string): Entry | undefined {
    return ref === noRef ? undefined : this.#entry(ref, key);
  }

  /** A copy of the record. `key` is its key if the caller has a text that may stay in memory. */
  #entry(ref: Ref, ownKey?: string): Entry {
    const { records } = this.#tree;
    const { key, value, revision, createRevision, version, updateTime, expireTime } = records.entry(
      ref,
      ownKey,
    );
    const bytes = records.isAscii(ref)
      ? asciiEntryBytes(key.length + value.length, expireTime)
      : entryBytes(key, value, expireTime);
    return { key, value, revision, createRevision, version, updateTime, expireTime, bytes };
  }

  #replace(key: string, previous: Entry | undefined, entry: Entry | undefined): void {
    for (const snapshot of this.#snapshots) snapshot.keep(key, previous, entry);
    if (previous !== undefined) {
      this.#hash.remove(previous);
      this.#bytes -= previous.bytes;
      if (previous.expireTime !== 0) this.#expiries.delete(previous.expireTime, key);
    }
    if (entry !== undefined) {
      this.#tree.put(entry);
      this.#hash.add(entry);
      this.#bytes += entry.bytes;
      if (entry.expireTime !== 0) this.#expiries.add(entry.expireTime, key);
    } else if (previous !== undefined) {
      this.#tree.remove(key);
    }
  }
}
