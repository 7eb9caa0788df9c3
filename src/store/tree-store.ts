import { DuetError } from "../errors.ts";
import type { Transaction, TransactionEvent } from "../transaction-log/transaction-logger.ts";
import { asciiEntryBytes, type Entry, type EntryView, entryAfter, entryBytes, valueBytes } from "./entry.ts";
import type { KeyRange } from "./key-range.ts";
import { Demand } from "./memory/demand.ts";
import { recordBytes } from "./memory/record-format.ts";
import { noRef, type Ref, type Slabs } from "./memory/slabs.ts";
import { PinnedSnapshot } from "./pinned-snapshot.ts";
import { type Snapshot, type SnapshotBounds, unbounded } from "./snapshot.ts";
import { StateHash } from "./state-hash.ts";
import type { Change, Room, Store } from "./store.ts";
import { toByteRange } from "./tree/byte-range.ts";
import { treeBytesOf } from "./tree/entry-bytes.ts";
import { type RecordSource, RecordView } from "./tree/record-view.ts";
import { Tree } from "./tree/tree.ts";
import { TreeRoom } from "./tree-room.ts";

/**
 * A tree outside the JavaScript heap. Each read makes a new entry from the bytes of its record, so an entry stays as it is
 * whatever happens to the store. The service does not use it yet; see docs/store.md.
 */
export class TreeStore implements Store {
  readonly #tree: Tree;
  /** Sources of the records that `view` has found, */
  readonly #untilTurnEnds: RecordSource;
  /** and of those that `stored` has found. */
  readonly #untilChange: RecordSource;
  readonly #hash = new StateHash();
  #revision = 0;
  #time = 0;
  /** Changes of the version under way. */
  #unpublished = 0;
  #isPublished = true;
  /** Used again for each transaction of another writer. */
  readonly #demand = new Demand();

  constructor(slabs: Slabs) {
    const tree = new Tree(slabs, { isExclusive: true });
    const { records } = tree;
    this.#tree = tree;
    this.#untilTurnEnds = {
      records,
      get generation() {
        return tree.readTurns;
      },
    };
    this.#untilChange = {
      records,
      get generation() {
        return tree.changes;
      },
    };
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
    return this.#tree.entryBytes;
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
    return this.#entryOf(this.#tree.find(key));
  }

  view(key: string): EntryView | undefined {
    const ref = this.#tree.findForTurn(key);
    return ref === noRef ? undefined : new RecordView(this.#untilTurnEnds, ref, key);
  }

  stored(key: string): EntryView | undefined {
    const ref = this.#tree.find(key);
    return ref === noRef ? undefined : new RecordView(this.#untilChange, ref);
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
    return this.#tree.expired(now, limit).map((ref) => this.#entry(ref));
  }

  bytesOf(entry: EntryView): number {
    return entry instanceof RecordView ? this.#tree.bytesOf(entry.ref) : treeBytesOf(entry);
  }

  room(): Room {
    this.#tree.expectChanges();
    return new TreeRoom(this.#tree);
  }

  snapshot(bounds: Partial<SnapshotBounds> = {}): Snapshot {
    // A pin has the published version.
    if (!this.#isPublished) this.publish();
    const { keptBytesMax: retiredBytesMax, msMax, onTooLarge: onEnded } = { ...unbounded, ...bounds };
    const snapshot = this.#tree.snapshot({ retiredBytesMax, msMax, onEnded });
    return new PinnedSnapshot(snapshot, this.#tree.records, (ref, key) => this.#entry(ref, key));
  }

  apply(
    transaction: Omit<Transaction, "request">,
    entries?: readonly (Entry | undefined)[],
  ): readonly Change[] {
    const { sequence, time, events } = transaction;
    if (sequence <= this.#revision) {
      throw new Error(`transaction ${sequence} cannot be applied to a store at revision ${this.#revision}`);
    }
    if (entries === undefined) this.#requireRoom(events);
    const changes: Change[] = [];
    for (let index = 0; index < events.length; index++) {
      const event = events[index] as TransactionEvent;
      const { key, type } = event;
      const touched = type === "touch";
      const before = touched ? this.get(key) : undefined;
      if (touched && before === undefined) continue;
      const entry = entries?.[index] ?? entryAfter(transaction, event, before);
      const previous = this.#replace(key, entry);
      const expired = type === "delete" && event.expired;
      changes.push({ key, entry, previous, expired, touched, revision: sequence });
    }
    this.#revision = sequence;
    this.#time = time;
    this.#unpublished += events.length;
    this.#isPublished = false;
    return changes;
  }

  publish(): void {
    this.#tree.evacuate(this.#unpublished);
    this.#tree.publish(this.#revision, this.#time);
    this.#unpublished = 0;
    this.#isPublished = true;
  }

  advance(revision: number): void {
    this.#revision = Math.max(this.#revision, revision);
    this.#isPublished = false;
  }

  /** Throws when an invariant of the tree does not hold. Walks everything; for tests and debugging. */
  verify(): void {
    this.#tree.verify();
  }

  /**
   * Throws STORE_FULL when the events of another writer do not fit into the memory. For a batch of this process `room` has
   * found out before.
   */
  #requireRoom(events: readonly TransactionEvent[]): void {
    const demand = this.#demand;
    const { records } = this.#tree;
    demand.clear();
    for (const event of events) {
      const ref = event.type === "touch" ? this.#tree.find(event.key) : noRef;
      if (event.type === "delete") demand.remove();
      else if (event.type === "put") {
        const keyBytes = Buffer.byteLength(event.key);
        demand.put(recordBytes(keyBytes, valueBytes(event.value), event.expireTime !== 0));
      } else if (ref !== noRef) {
        const valueLength = records.valueLength(ref);
        demand.put(recordBytes(records.keyLength(ref), valueLength, event.expireTime !== 0));
      }
    }
    if (this.#tree.fits(demand)) return;
    // Frees what the transactions before have replaced, even if it is read in this turn: those reads fail.
    this.publish();
    this.#tree.endTurn();
    if (this.#tree.fits(demand)) return;
    const { reservedBytesMax } = this.#tree.usage;
    throw new DuetError(
      "STORE_FULL",
      `the log has more than the ${reservedBytesMax} bytes of memory that the store may use can hold; give it more memory`,
    );
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

  /** Puts or removes an entry. Returns the one before. */
  #replace(key: string, entry: Entry | undefined): Entry | undefined {
    const tree = this.#tree;
    const { records } = tree;
    const replaced = tree.find(key);
    // A record that is overwritten cannot be read later.
    const previous = this.#entryOf(replaced, key);
    if (replaced !== noRef) this.#hash.removeRecord(records, replaced);
    if (entry === undefined) tree.remove(key);
    else if (replaced === noRef || !tree.overwrite(replaced, entry)) tree.put(entry);
    if (entry !== undefined) this.#hash.addRecord(records, tree.newest);
    return previous;
  }
}
