import { DuetError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { type ChangeSet, withoutPreviousValues } from "./change-set.ts";
import type { Entry } from "./entry.ts";
import { Fifo } from "./fifo.ts";
import { HistoryPin } from "./history-pin.ts";
import { KeyIndex } from "./key-index.ts";
import { toOrderKey } from "./key-order.ts";
import type { KeyRange } from "./key-range.ts";
import type { Change, State } from "./store.ts";

export type HistoryLimits = Pick<Limits, "watchHistoryEventsMax" | "watchHistoryBytesMax">;

/**
 * The most transactions that are dropped in one turn of the event loop by one that needs their room. With deletes of large
 * values one transaction may need the room of tens of thousands.
 */
const dropsMax = 1000;

/** Bytes of memory that a key with changes takes in the indexes. The text of the key is counted with its changes. */
const keyOverheadBytes = 300;

/**
 * The latest transactions without gaps, and an index of their changes by key. Bounded by the number of changes and by
 * bytes. Each transaction must be added in the turn of the event loop in which the store applies it.
 */
export class History {
  readonly #limits: HistoryLimits;
  readonly #onDropped: (set: ChangeSet) => void;
  readonly #sets = new Fifo<ChangeSet>();
  /** The changes of each key, the oldest first. */
  readonly #changes = new Map<string, Fifo<Change>>();
  /** The keys of #changes that the store does not hold. */
  readonly #deletedKeys = new KeyIndex();
  readonly #pins = new Set<HistoryPin>();
  #oldest: number;
  #oldestState: number;
  #events = 0;
  #bytes = 0;
  #isDropping = false;

  /**
   * `oldest`: all transactions after this revision will be added. `onDropped` is called once with each transaction
   * that the history drops, or keeps without all its values.
   */
  constructor(limits: HistoryLimits, oldest: number, onDropped: (set: ChangeSet) => void = () => {}) {
    this.#limits = limits;
    this.#oldest = oldest;
    this.#oldestState = oldest;
    this.#onDropped = onDropped;
  }

  /** The history holds every change after this revision. */
  get oldest(): number {
    return this.#oldest;
  }

  /**
   * States can be read at this revision and all later ones. It is later than `oldest` after a transaction that alone
   * would have taken more than half of the history's bytes: watches continue across that transaction, reads in the
   * past begin at it.
   */
  get oldestState(): number {
    return this.#oldestState;
  }

  /**
   * An upper bound of the memory that the history takes in addition to the store. At most twice the limit, and beyond the limit
   * only until the next turns have dropped the oldest transactions.
   */
  get bytes(): number {
    return this.#bytes;
  }

  add(complete: ChangeSet): void {
    // Revisions up to #oldest have gaps: a replay also passes transactions that compaction has only partly kept.
    if (complete.revision <= this.#oldest) return;
    const isTooLarge = complete.pastBytes > this.#limits.watchHistoryBytesMax / 2;
    const set = isTooLarge ? withoutPreviousValues(complete) : complete;
    if (isTooLarge) {
      this.#oldestState = set.revision;
      this.#onDropped(complete);
    }
    this.#sets.push(set);
    this.#events += set.changes.length;
    this.#bytes += set.pastBytes;
    for (const change of set.changes) this.#addToKey(change);
    this.#dropExcess();
  }

  get #isOverLimit(): boolean {
    const { watchHistoryEventsMax, watchHistoryBytesMax } = this.#limits;
    return this.#events > watchHistoryEventsMax || this.#bytes > watchHistoryBytesMax;
  }

  #dropExcess(): void {
    const bytesMax = 2 * this.#limits.watchHistoryBytesMax;
    for (let drops = 0; this.#isOverLimit && (drops < dropsMax || this.#bytes > bytesMax); drops++) {
      this.#dropOldest();
    }
    if (!this.#isOverLimit || this.#isDropping) return;
    this.#isDropping = true;
    setImmediate(() => {
      this.#isDropping = false;
      this.#dropExcess();
    });
  }

  /** The transaction with this revision; undefined when the history does not hold it. */
  at(revision: number): ChangeSet | undefined {
    return this.#sets.at(revision - this.#oldest - 1);
  }

  /**
   * The first change of the key after `revision`, which must not be before `oldest`; undefined when there is none.
   */
  changeAfter(key: string, revision: number): Change | undefined {
    const changes = this.#changes.get(key);
    return changes?.at(countUpTo(changes, revision));
  }

  /** The puts and deletes of the key before `revision`, the newest first. */
  *versionsBefore(key: string, revision: number): Generator<Change, void> {
    const changes = this.#changes.get(key);
    if (changes === undefined) return;
    for (let last = revision - 1; ; ) {
      const change = changes.at(countUpTo(changes, last) - 1);
      if (change === undefined) return;
      if (!change.touched) yield change;
      // A touch leaves the revision of the put before it. There may be very many touches in between.
      last = change.touched ? (change.entry as Entry).revision : change.revision - 1;
    }
  }

  /**
   * The keys of the range that have changes but that the store does not hold, in key order. Lazy; see
   * `KeyIndex.scan`.
   */
  deletedKeys(range: KeyRange, reverse: boolean): Generator<string, void> {
    return this.#deletedKeys.scan(range, reverse);
  }

  /** Keeps the revisions and expire times of `past` until the pin is released. `past` must not be before `oldest`. */
  pin(past: State): HistoryPin {
    const pin: HistoryPin = new HistoryPin(past, () => this.#pins.delete(pin));
    this.#pins.add(pin);
    return pin;
  }

  #addToKey(change: Change): void {
    const { key, entry, previous } = change;
    const changes = this.#changes.get(key);
    if (changes === undefined) {
      this.#changes.set(key, new Fifo([change]));
      this.#bytes += indexBytes(key);
    } else {
      changes.push(change);
      if (entry !== undefined && previous === undefined) this.#deletedKeys.delete(key);
    }
    if (entry === undefined) this.#deletedKeys.add(key);
  }

  #dropOldest(): void {
    const set = this.#sets.shift() as ChangeSet;
    this.#oldest = set.revision;
    this.#oldestState = Math.max(this.#oldestState, set.revision);
    this.#events -= set.changes.length;
    this.#bytes -= set.pastBytes;
    for (const pin of this.#pins) for (const change of set.changes) pin.keep(change);
    for (const change of set.changes) this.#dropFromKey(change);
    if (set.previousValues) this.#onDropped(set);
  }

  #dropFromKey({ key, entry }: Change): void {
    const changes = this.#changes.get(key) as Fifo<Change>;
    changes.shift();
    if (changes.length > 0) return;
    this.#changes.delete(key);
    this.#bytes -= indexBytes(key);
    if (entry === undefined) this.#deletedKeys.delete(key);
  }
}

/** The error for a request that needs a revision before `oldest`, where the history begins. */
export function revisionCompacted(oldest: number): DuetError {
  return new DuetError(
    "REVISION_COMPACTED",
    `the history begins at revision ${oldest}; older revisions cannot be read or watched`,
    { metadata: { oldest_revision: String(oldest) } },
  );
}

/** The number of changes at or before `revision`. The changes must be in order. */
function countUpTo(changes: Fifo<Change>, revision: number): number {
  let low = 0;
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((changes.at(middle) as Change).revision <= revision) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Bytes of memory that a key takes in the indexes. */
function indexBytes(key: string): number {
  return toOrderKey(key) === key ? keyOverheadBytes : keyOverheadBytes + key.length * 2;
}
