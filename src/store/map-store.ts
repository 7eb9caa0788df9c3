import type { Transaction, TransactionEvent } from "../transaction-log/transaction-logger.ts";
import { type Entry, type EntryView, entryAfter } from "./entry.ts";
import { ExpiryIndex } from "./expiry-index.ts";
import { KeyIndex } from "./key-index.ts";
import type { KeyRange } from "./key-range.ts";
import { MapSnapshot } from "./map-snapshot.ts";
import { type Snapshot, type SnapshotBounds, unbounded } from "./snapshot.ts";
import { StateHash } from "./state-hash.ts";
import type { Change, Room, Store } from "./store.ts";

/**
 * The largest number of entries in a store. A V8 map has at most 2^24 slots, and reuses those of deleted entries only
 * when they are half of all.
 */
const entriesMax = 2 ** 23;

/** A map for lookups, and an ordered index of the keys for scans. */
export class MapStore implements Store {
  readonly #entries = new Map<string, Entry>();
  readonly #index = new KeyIndex();
  readonly #expiries = new ExpiryIndex();
  readonly #snapshots = new Set<MapSnapshot>();
  readonly #hash = new StateHash();
  #revision = 0;
  #time = 0;
  #bytes = 0;

  get revision(): number {
    return this.#revision;
  }

  get time(): number {
    return this.#time;
  }

  get size(): number {
    return this.#entries.size;
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

  copyEntryHash(target: Int32Array, offset: number): void {
    this.#hash.copyAdded(target, offset);
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  view(key: string): EntryView | undefined {
    return this.#entries.get(key);
  }

  stored(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  *scan(range: KeyRange, reverse: boolean): Generator<Entry, void> {
    for (const key of this.#index.scan(range, reverse)) yield this.#entries.get(key) as Entry;
  }

  keys(range: KeyRange, reverse: boolean): Generator<string, void> {
    return this.#index.scan(range, reverse);
  }

  count(range: KeyRange): number {
    return this.#index.count(range);
  }

  expired(now: number, limit: number): readonly Entry[] {
    return this.#expiries.expired(now, limit).map((key) => this.#entries.get(key) as Entry);
  }

  bytesOf(entry: Entry): number {
    return entry.bytes;
  }

  room(): Room {
    let { size } = this;
    return {
      take(_entries, added) {
        if (added > 0 && size + added > entriesMax) return `it holds ${size} of ${entriesMax} entries`;
        size += added;
        return undefined;
      },
    };
  }

  snapshot(bounds: Partial<SnapshotBounds> = {}): Snapshot {
    const snapshot: MapSnapshot = new MapSnapshot({
      ...unbounded,
      ...bounds,
      revision: this.#revision,
      keys: (range) => this.#index.scan(range, false),
      current: (key) => this.#entries.get(key),
      onRelease: () => this.#snapshots.delete(snapshot),
    });
    this.#snapshots.add(snapshot);
    return snapshot;
  }

  apply(
    transaction: Omit<Transaction, "request">,
    entries?: readonly (Entry | undefined)[],
  ): readonly Change[] {
    if (transaction.sequence <= this.#revision) {
      throw new Error(
        `transaction ${transaction.sequence} cannot be applied to a store at revision ${this.#revision}`,
      );
    }
    const changes: Change[] = [];
    const { events } = transaction;
    for (let index = 0; index < events.length; index++) {
      const event = events[index] as TransactionEvent;
      const previous = this.#entries.get(event.key);
      // Reuses a key string that is in memory already, so that the history does not keep a second one.
      const key = previous === undefined ? event.key : previous.key;
      const touched = event.type === "touch";
      if (touched && previous === undefined) continue;
      const entry = entries?.[index] ?? entryAfter(transaction, event, previous);
      this.#replace(key, previous, entry);
      const expired = event.type === "delete" && event.expired;
      changes.push({ key, entry, previous, expired, touched, revision: transaction.sequence });
    }
    this.#revision = transaction.sequence;
    this.#time = transaction.time;
    return changes;
  }

  /** Other threads cannot read it, and what is replaced is garbage at once. */
  publish(): void {}

  advance(revision: number): void {
    this.#revision = Math.max(this.#revision, revision);
  }

  #replace(key: string, previous: Entry | undefined, entry: Entry | undefined): void {
    for (const snapshot of this.#snapshots) snapshot.keep(key, previous, entry);
    if (previous !== undefined) {
      this.#hash.remove(previous);
      this.#bytes -= previous.bytes;
      if (previous.expireTime !== 0) this.#expiries.delete(previous.expireTime, key);
    }
    if (entry !== undefined) {
      this.#entries.set(key, entry);
      this.#hash.add(entry);
      this.#bytes += entry.bytes;
      if (entry.expireTime !== 0) this.#expiries.add(entry.expireTime, key);
      if (previous === undefined) this.#index.add(key);
    } else if (previous !== undefined) {
      this.#entries.delete(key);
      this.#index.delete(key);
    }
  }
}
