import { Fifo } from "../fifo.ts";
import type { Allocator } from "../memory/allocator.ts";
import type { Records } from "../memory/records.ts";
import { blockOf, type Ref, type Slabs, wordOf } from "../memory/slabs.ts";
import {
  emptyState,
  firstVersion,
  pinWord,
  readersMax,
  storeState,
  type TreeState,
  versionStep,
  versionWord,
} from "./control.ts";
import { madeBy } from "./page-format.ts";
import { Pin, type PinBounds } from "./pin.ts";

/** Bounds for all pins of the thread that writes. */
export interface VersionOptions {
  /** How many bytes may wait for pins. Default: any number. */
  readonly keptBytesMax?: number;
  /**
   * No other thread reads the tree, and nothing is pinned while changes are under way. Then pages are changed in place where
   * no pin reaches them. Default: false.
   */
  readonly isExclusive?: boolean;
  /** A clock that never goes back, in milliseconds. */
  readonly now?: () => number;
}

/** The pins of all threads. */
interface Pinned {
  /** The oldest version that is pinned; the published one if none is older. */
  readonly oldest: number;
  /** The newest version that is pinned; 0: none is. */
  readonly newest: number;
  /** At least the revision of the newest version that is pinned. */
  readonly newestRevision: number;
}

/** Pages and records that a version no longer reaches, but one before it does, which was pinned. */
interface Retired {
  readonly version: number;
  readonly refs: readonly Ref[];
}

/**
 * The versions of the tree, on the side of the thread that writes.
 *
 * A version is under way until it is published; then it never changes, except where nobody can read it (`ownedFrom`,
 * `ownsRecord`). What version v replaces is retired with v. It is freed when v is published if it was made after the newest
 * pin, and else when no pin holds a version older than v.
 *
 * The protocol with other threads: a reader stores its pin, and then sees that the version is still the published one; see
 * `SharedReader`. The writer publishes, and then reads the pins. So either the writer sees the pin, or the reader sees a
 * new version and tries again.
 */
export class Versions {
  readonly control: Int32Array;
  readonly #slabs: Slabs;
  readonly #allocator: Allocator;
  readonly #records: Records;
  readonly #retired = new Fifo<Retired>();
  readonly #now: () => number;
  readonly #keptBytesMax: number;
  readonly #isExclusive: boolean;
  /** Pins of this thread. */
  readonly #pins = new Set<Pin>();
  #published = firstVersion;
  #ownedFrom = firstVersion + versionStep;
  #state = emptyState;
  /** Retired by the version under way. */
  #replaced: Ref[] = [];
  #retiredCount = 0;
  #retiredBytes = 0;
  /** Bytes of all pages and records that were ever kept for pins. */
  #keptBytesEver = 0;
  /** A record of a later revision is not reached by a pin; Infinity: other threads may have pins. */
  #pinnedRevision = Number.POSITIVE_INFINITY;
  /** Something was read that must stay until the turn of the event loop ends. */
  #keepsForTurn = false;
  /** Changes are about to be made; see `expectChanges`. */
  #expectsChanges = false;
  /** `endTurn` will be called at the end of the turn. */
  #isTurnEnding = false;
  /** The number of such turns that have ended. */
  #readTurns = 0;
  /** Retired in this turn. */
  #waiting: Retired[] = [];

  constructor(
    control: Int32Array,
    slabs: Slabs,
    allocator: Allocator,
    records: Records,
    {
      now = () => performance.now(),
      keptBytesMax = Number.POSITIVE_INFINITY,
      isExclusive = false,
    }: VersionOptions = {},
  ) {
    this.#now = now;
    this.#keptBytesMax = keptBytesMax;
    this.#isExclusive = isExclusive;
    this.control = control;
    this.#slabs = slabs;
    this.#allocator = allocator;
    this.#records = records;
    storeState(control, firstVersion, emptyState);
    Atomics.store(control, versionWord, firstVersion);
    this.#own();
  }

  /** The published state. */
  get state(): TreeState {
    return this.#state;
  }

  /** The number of the published version. */
  get published(): number {
    return this.#published;
  }

  /** The number of the version under way. */
  get current(): number {
    return this.#published + versionStep;
  }

  /** Pages of this version and later ones may be changed in place: nobody but this thread can read them. */
  get ownedFrom(): number {
    return this.#ownedFrom;
  }

  /**
   * Whether a record that the version under way reaches may be overwritten where it lies: nobody else can read it. `revision` is
   * that of the record.
   */
  ownsRecord(revision: number): boolean {
    return !this.#keepsForTurn && revision > this.#pinnedRevision;
  }

  /** The number of pages and records that wait until no reader needs them. */
  get retiredCount(): number {
    return this.#retiredCount;
  }

  /** The bytes of what waits until no reader needs it. */
  get retiredBytes(): number {
    return this.#retiredBytes;
  }

  /** Grows when the turn ends for which `keepForTurn` was called. */
  get readTurns(): number {
    return this.#readTurns;
  }

  /** The number of pins of this thread. */
  get pinCount(): number {
    return this.#pins.size;
  }

  /** The number of versions that are pinned or published later than the oldest pinned one. */
  get heldVersions(): number {
    return (this.current - this.#pinned().oldest) / versionStep;
  }

  /** The version under way no longer reaches this page or record, which an earlier version may reach. */
  retire(ref: Ref): void {
    this.#replaced.push(ref);
    this.#retiredCount++;
    this.#retiredBytes += this.#allocator.sizeOf(ref);
  }

  /** Makes a version with this state the published one. Nothing may be pinned or retired. */
  restore(version: number, state: TreeState): void {
    if (version % versionStep !== firstVersion) throw new Error(`${version} is not the number of a version`);
    this.#published = version;
    this.#state = state;
    storeState(this.control, version, state);
    Atomics.store(this.control, versionWord, version | 0);
    this.#own();
  }

  /**
   * Publishes the version under way with this state, ends the pins of this thread that exceed their bounds, and frees what no
   * reader needs any more. No record may have a later revision than the state.
   */
  publish(state: TreeState): void {
    const version = this.current;
    storeState(this.control, version, state);
    Atomics.store(this.control, versionWord, version | 0);
    this.#published = version;
    this.#state = state;
    this.#expectsChanges = false;
    this.#own();
    if (this.#replaced.length > 0) {
      if (this.#keepsForTurn) this.#endTurnLater();
      this.#waiting.push({ version, refs: this.#replaced });
      this.#replaced = [];
    }
    if (!this.#keepsForTurn) this.#freeReplaced();
    if (this.#pins.size > 0) this.#endPins();
  }

  /**
   * Keeps all that this thread can read now until the turn of the event loop ends. It costs a read nothing: a version that is
   * published meanwhile frees later what it would have freed at once, and its changes overwrite no record.
   */
  keepForTurn(): void {
    if (this.#keepsForTurn) return;
    this.#keepsForTurn = true;
    if (this.#expectsChanges) this.#endTurnLater();
  }

  /**
   * To be called when changes will be made in a later turn of the event loop. What is read in a turn is then not kept any longer
   * than the turn lasts, though that costs a call at the end of each turn with reads, until the changes are published.
   */
  expectChanges(): void {
    this.#expectsChanges = true;
    if (this.#keepsForTurn) this.#endTurnLater();
  }

  /** Frees what waits for the end of the turn. What was read in the turn must not be read any more. */
  endTurn(): void {
    if (!this.#keepsForTurn) return;
    this.#keepsForTurn = false;
    this.#readTurns++;
    this.#freeReplaced();
  }

  /** Keeps the published version readable by this thread until the pin is released, or exceeds its bounds. */
  pin(bounds: PinBounds): Pin {
    const pin = new Pin(this.#published, this.#state.revision, bounds, this.#now(), this.#keptBytesEver);
    this.#pins.add(pin);
    this.#own();
    return pin;
  }

  /** A second call has no effect. */
  release(pin: Pin): void {
    pin.release();
    if (!this.#pins.delete(pin)) return;
    this.#own();
    this.#reclaim(this.#pinned().oldest);
  }

  /** All that is retired and not freed. For tests and debugging. */
  *retired(): Generator<Ref, void> {
    for (let index = 0; index < this.#retired.length; index++) {
      yield* this.#retired.at(index)?.refs ?? [];
    }
    for (const { refs } of this.#waiting) yield* refs;
    yield* this.#replaced;
  }

  /** Frees what the versions since the last call have replaced and no pin needs, and what was retired before. */
  #freeReplaced(): void {
    const pinned = this.#pinned();
    for (const { version, refs } of this.#waiting) {
      const kept = pinned.newest === 0 ? refs : this.#freeUnpinned(refs, pinned);
      if (kept.length > 0) this.#retired.push({ version, refs: kept });
    }
    this.#waiting = [];
    this.#reclaim(pinned.oldest);
  }

  /** Frees those that were made after the newest pin: no pinned version reaches them. Returns the others. */
  #freeUnpinned(refs: readonly Ref[], { newest, newestRevision }: Pinned): readonly Ref[] {
    const { liveBytes } = this.#allocator;
    const kept: Ref[] = [];
    for (const ref of refs) {
      // A record that was touched or moved may be newer than its revision; it is kept then.
      const isNewer = this.#allocator.holdsPages(blockOf(ref))
        ? madeBy(this.#slabs.wordsOf(ref), wordOf(ref)) > newest
        : this.#records.revision(ref) > newestRevision;
      if (isNewer) this.#allocator.free(ref);
      else {
        kept.push(ref);
        this.#keptBytesEver += this.#allocator.sizeOf(ref);
      }
    }
    this.#retiredCount -= refs.length - kept.length;
    this.#retiredBytes -= liveBytes - this.#allocator.liveBytes;
    return kept;
  }

  /** Frees what was retired at or before this version. */
  #reclaim(oldest: number): void {
    const { liveBytes } = this.#allocator;
    for (;;) {
      const retired = this.#retired.at(0);
      if (retired === undefined || retired.version > oldest) break;
      for (const ref of retired.refs) this.#allocator.free(ref);
      this.#retiredCount -= retired.refs.length;
      this.#retired.shift();
    }
    this.#retiredBytes -= liveBytes - this.#allocator.liveBytes;
  }

  /** Ends the pins that exceed their bounds, and then the oldest ones until all together keep no more than `keptBytesMax`. */
  #endPins(): void {
    const now = this.#now();
    const ended: Pin[] = [];
    const end = (pin: Pin, why: string) => {
      pin.end(why);
      this.#pins.delete(pin);
      this.#own();
      ended.push(pin);
      this.#reclaim(this.#pinned().oldest);
    };
    for (const pin of this.#pins) {
      const why = pin.excess(now, this.#keptBytesEver);
      if (why !== undefined) end(pin, why);
    }
    // The oldest pin comes first.
    for (const pin of this.#pins) {
      if (this.#retiredBytes <= this.#keptBytesMax) break;
      end(pin, `all snapshots together kept more than ${this.#keptBytesMax} bytes that were overwritten`);
    }
    for (const pin of ended) pin.tellEnd();
  }

  #endTurnLater(): void {
    if (this.#isTurnEnding) return;
    this.#isTurnEnding = true;
    setImmediate(() => {
      this.#isTurnEnding = false;
      this.endTurn();
    });
  }

  #own(): void {
    if (!this.#isExclusive) {
      this.#ownedFrom = this.current;
      return;
    }
    this.#ownedFrom = 0;
    this.#pinnedRevision = -1;
    for (const { version, revision } of this.#pins) {
      this.#ownedFrom = Math.max(this.#ownedFrom, version + versionStep);
      this.#pinnedRevision = Math.max(this.#pinnedRevision, revision);
    }
  }

  #pinned(): Pinned {
    let oldest = this.#published;
    let newest = 0;
    let newestRevision = 0;
    for (const { version, revision } of this.#pins) {
      oldest = Math.min(oldest, version);
      newest = Math.max(newest, version);
      newestRevision = Math.max(newestRevision, revision);
    }
    for (let reader = 0; reader < readersMax; reader++) {
      const word = Atomics.load(this.control, pinWord(reader));
      if (word === 0) continue;
      // A pin has the low 32 bits of a version. A reader that saw a version holds it for less than 2^31 versions.
      const version = this.#published - ((this.#published - word) | 0);
      oldest = Math.min(oldest, version);
      newest = Math.max(newest, version);
      // The reader does not tell.
      newestRevision = Number.POSITIVE_INFINITY;
    }
    return { oldest, newest, newestRevision };
  }
}
