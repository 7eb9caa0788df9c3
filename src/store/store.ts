import type { Transaction, TransactionEvent } from "../transaction-log/transaction-logger.ts";
import { type Entry, entryAfter } from "./entry.ts";
import { ExpiryIndex } from "./expiry-index.ts";
import { KeyIndex } from "./key-index.ts";
import type { KeyRange } from "./key-range.ts";
import { Snapshot, type SnapshotBounds, unbounded } from "./snapshot.ts";
import { StateHash } from "./state-hash.ts";

/** The effect of one event on one key. */
export interface Change {
  readonly key: string;
  /** undefined: the key was deleted. */
  readonly entry: Entry | undefined;
  /** undefined: there was no entry. */
  readonly previous: Entry | undefined;
  /** The key was deleted because its time to live had passed. */
  readonly expired: boolean;
  /** Only the expire time changed. That makes no new version, and watchers do not receive it. */
  readonly touched: boolean;
  /** Sequence of the transaction that made the change. */
  readonly revision: number;
}

/** All entries at one revision. */
export interface State {
  readonly revision: number;
  get(key: string): Entry | undefined;
  /**
   * Entries in key order, lazily. In the state of the past undefined stands where the caller may let others have their
   * turn; elsewhere it must be consumed at once, and ends early, unnoticed, when the store is changed meanwhile.
   */
  scan(range: KeyRange, reverse: boolean): Generator<Entry | undefined, void>;
  /** The number of keys in the range. */
  count(range: KeyRange): number | Promise<number>;
}

/** The store as all code but the committer sees it. Its revision is the sequence of the last applied transaction. */
export interface ReadonlyStore extends State {
  /** Time of the last applied transaction. */
  readonly time: number;
  /** Number of entries. */
  readonly size: number;
  /** The memory that the entries take: the sum of their `bytes`. */
  readonly bytes: number;
  /**
   * The `StateHash` of all entries, in hexadecimal. Two stores at the same revision have the same hash if they hold
   * the same entries.
   */
  readonly hash: string;
  /**
   * At most `limit` entries that have expired at `now` (milliseconds since 1970), those with the oldest expire time
   * first.
   */
  expired(now: number, limit: number): readonly Entry[];
  /** A snapshot of the current state, valid until it is released. */
  snapshot(options?: Partial<SnapshotBounds>): Snapshot;
}

/**
 * The largest number of entries in a store. A V8 map has at most 2^24 slots, and reuses those of deleted entries only
 * when they are half of all.
 */
export const entriesMax = 2 ** 23;

/**
 * All entries in memory: a map for lookups and an ordered index of the keys for scans. Only the committer changes it.
 */
export class Store implements ReadonlyStore {
  readonly #entries = new Map<string, Entry>();
  readonly #index = new KeyIndex();
  readonly #expiries = new ExpiryIndex();
  readonly #snapshots = new Set<Snapshot>();
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

  /** See `StateHash.copyTo`. */
  copyHash(target: Int32Array, offset: number): void {
    this.#hash.copyTo(target, offset);
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  *scan(range: KeyRange, reverse: boolean): Generator<Entry, void> {
    for (const key of this.#index.scan(range, reverse)) yield this.#entries.get(key) as Entry;
  }

  /** The keys of `scan`. */
  keys(range: KeyRange, reverse: boolean): Generator<string, void> {
    return this.#index.scan(range, reverse);
  }

  count(range: KeyRange): number {
    return this.#index.count(range);
  }

  expired(now: number, limit: number): readonly Entry[] {
    return this.#expiries.expired(now, limit).map((key) => this.#entries.get(key) as Entry);
  }

  snapshot(bounds: Partial<SnapshotBounds> = {}): Snapshot {
    const snapshot: Snapshot = new Snapshot({
      ...unbounded,
      ...bounds,
      revision: this.#revision,
      index: this.#index,
      current: (key) => this.#entries.get(key),
      onRelease: () => this.#snapshots.delete(snapshot),
    });
    this.#snapshots.add(snapshot);
    return snapshot;
  }

  /**
   * Applies a durable transaction, which must be later than all before it. Returns the changes that its events made.
   *
   * `entries`, if given, are the entries that the events create, so that they need not be built and measured again:
   * one for each event, undefined for a delete. A touch of a missing key does nothing: compaction may leave such a
   * touch in the log.
   */
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

  /**
   * Sets the revision after a replay. Compaction may have removed the last transactions up to `revision` entirely.
   */
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
