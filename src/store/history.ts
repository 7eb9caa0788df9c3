import { DuetError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { type ChangeSet, withoutPreviousValues } from "./change-set.ts";
import { Fifo } from "./fifo.ts";
import { HistoryPin } from "./history-pin.ts";
import { KeyIndex } from "./key-index.ts";
import { toOrderKey } from "./key-order.ts";
import type { KeyRange } from "./key-range.ts";
import type { Change, State } from "./store.ts";

export type HistoryLimits = Pick<Limits, "watchHistoryEventsMax" | "watchHistoryBytesMax">;

/** What a key with changes occupies in the indexes beside them. Its text is counted with them. */
const keyOverheadBytes = 300;

/**
 * The latest transactions, without gaps, bounded by the number of changes and by bytes, and an index of their changes by
 * key. Whoever applies a transaction to the store adds it here in the same turn of the event loop.
 */
export class History {
  readonly #limits: HistoryLimits;
  readonly #onDropped: (set: ChangeSet) => void;
  readonly #sets = new Fifo<ChangeSet>();
  /** Of each key its changes, the oldest first. */
  readonly #changes = new Map<string, Fifo<Change>>();
  /** The keys of #changes that are not in the store. */
  readonly #deletedKeys = new KeyIndex();
  readonly #pins = new Set<HistoryPin>();
  #oldest: number;
  #oldestState: number;
  #events = 0;
  #bytes = 0;

  /**
   * `oldest`: the revision after which everything will be added. `onDropped` is called once with each transaction
   * after it that is no longer kept, or not with all values.
   */
  constructor(limits: HistoryLimits, oldest: number, onDropped: (set: ChangeSet) => void = () => {}) {
    this.#limits = limits;
    this.#oldest = oldest;
    this.#oldestState = oldest;
    this.#onDropped = onDropped;
  }

  /** Every change after this revision is kept. */
  get oldest(): number {
    return this.#oldest;
  }

  /**
   * The values of this revision and of all later ones are kept. Later than `oldest` after a transaction that alone would
   * have taken more than half of the history: watches go on across it, reads in the past begin at it.
   */
  get oldestState(): number {
    return this.#oldestState;
  }

  /** What it occupies at the most beside the store. */
  get bytes(): number {
    return this.#bytes;
  }

  add(complete: ChangeSet): void {
    // Before that there are gaps: a replay also goes through what compaction has left.
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
    const { watchHistoryEventsMax, watchHistoryBytesMax } = this.#limits;
    while (this.#events > watchHistoryEventsMax || this.#bytes > watchHistoryBytesMax) this.#dropOldest();
  }

  /** The transaction `revision`; undefined if it is no longer, or not yet, there. */
  at(revision: number): ChangeSet | undefined {
    return this.#sets.at(revision - this.#oldest - 1);
  }

  /** The first change of the key after `revision`, which is not before `oldest`; undefined when there was none. */
  changeAfter(key: string, revision: number): Change | undefined {
    const changes = this.#changes.get(key);
    return changes?.at(countUpTo(changes, revision));
  }

  /** The changes of the key, the newest first, from the last one before `revision` on. */
  *changesBefore(key: string, revision: number): Generator<Change, void> {
    const changes = this.#changes.get(key);
    if (changes === undefined) return;
    for (let index = countUpTo(changes, revision - 1) - 1; index >= 0; index--)
      yield changes.at(index) as Change;
  }

  /** The keys of the range that have changes and are not in the store, in key order, lazily. As `KeyIndex.scan`. */
  deletedKeys(range: KeyRange, reverse: boolean): Generator<string, void> {
    return this.#deletedKeys.scan(range, reverse);
  }

  /** `past`, which is later than or at `oldest`: its revisions and expire times, until the pin is released. */
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

/** The error of a request for what is older than the history, which goes back to `oldest`. */
export function revisionCompacted(oldest: number): DuetError {
  return new DuetError(
    "REVISION_COMPACTED",
    `the history goes back to revision ${oldest}; older revisions are no longer kept`,
    { metadata: { oldest_revision: String(oldest) } },
  );
}

/** How many of the changes, which are in order, happened at or before `revision`. */
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

/** What a key occupies in the indexes. */
function indexBytes(key: string): number {
  return toOrderKey(key) === key ? keyOverheadBytes : keyOverheadBytes + key.length * 2;
}
