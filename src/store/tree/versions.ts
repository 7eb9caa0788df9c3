import { Fifo } from "../fifo.ts";
import type { Allocator } from "../memory/allocator.ts";
import type { Ref } from "../memory/slabs.ts";
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
import { Pin, type PinBounds } from "./pin.ts";

/** Pages and records that a version no longer reaches, but the one before it does. */
interface Retired {
  readonly version: number;
  readonly refs: readonly Ref[];
}

/**
 * The versions of the tree, on the side of the thread that writes.
 *
 * A version is under way until it is published; then it never changes. What version v replaces is retired with v, and
 * freed when no pin holds an older version.
 *
 * The protocol with other threads: a reader stores its pin, and then sees that the version is still the published one; see
 * `SharedReader`. The writer publishes, and then reads the pins. So either the writer sees the pin, or the reader sees a
 * new version and tries again.
 */
export class Versions {
  readonly control: Int32Array;
  readonly #allocator: Allocator;
  readonly #retired = new Fifo<Retired>();
  readonly #now: () => number;
  /** Pins of this thread. */
  readonly #pins = new Set<Pin>();
  #published = firstVersion;
  #state = emptyState;
  /** Retired by the version under way. */
  #replaced: Ref[] = [];
  #retiredCount = 0;
  #retiredBytes = 0;
  /** Bytes of all pages and records that were ever retired. */
  #retiredBytesEver = 0;

  /** `now` is a clock that never goes back, in milliseconds. */
  constructor(control: Int32Array, allocator: Allocator, now: () => number) {
    this.#now = now;
    this.control = control;
    this.#allocator = allocator;
    storeState(control, firstVersion, emptyState);
    Atomics.store(control, versionWord, firstVersion);
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

  /** The number of pages and records that wait until no reader needs them. */
  get retiredCount(): number {
    return this.#retiredCount;
  }

  /** The bytes of what waits until no reader needs it. */
  get retiredBytes(): number {
    return this.#retiredBytes;
  }

  /** The number of pins of this thread. */
  get pinCount(): number {
    return this.#pins.size;
  }

  /** The number of versions that are pinned or published later than the oldest pinned one. */
  get heldVersions(): number {
    return (this.current - this.#oldestPinned()) / versionStep;
  }

  /** The version under way no longer reaches this page or record, which an earlier version may reach. */
  retire(ref: Ref): void {
    this.#replaced.push(ref);
    this.#retiredCount++;
    const bytes = this.#allocator.sizeOf(ref);
    this.#retiredBytes += bytes;
    this.#retiredBytesEver += bytes;
  }

  /** Makes a version with this state the published one. Nothing may be pinned or retired. */
  restore(version: number, state: TreeState): void {
    if (version % versionStep !== firstVersion) throw new Error(`${version} is not the number of a version`);
    this.#published = version;
    this.#state = state;
    storeState(this.control, version, state);
    Atomics.store(this.control, versionWord, version | 0);
  }

  /**
   * Publishes the version under way with this state, ends the pins of this thread that exceed their bounds, and frees what no
   * reader needs any more.
   */
  publish(state: TreeState): void {
    const version = this.current;
    storeState(this.control, version, state);
    Atomics.store(this.control, versionWord, version | 0);
    this.#published = version;
    this.#state = state;
    if (this.#replaced.length > 0) {
      this.#retired.push({ version, refs: this.#replaced });
      this.#replaced = [];
    }
    if (this.#pins.size > 0) this.#endPins();
    this.reclaim();
  }

  /** Frees what was retired at or before the oldest version that is pinned. */
  reclaim(): void {
    const oldest = this.#oldestPinned();
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

  /** Keeps the published version readable by this thread until the pin is released, or exceeds its bounds. */
  pin(bounds: PinBounds): Pin {
    const pin = new Pin(this.#published, bounds, this.#now(), this.#retiredBytesEver);
    this.#pins.add(pin);
    return pin;
  }

  /** A second call has no effect. */
  release(pin: Pin): void {
    pin.release();
    if (this.#pins.delete(pin)) this.reclaim();
  }

  /** All that is retired and not freed. For tests and debugging. */
  *retired(): Generator<Ref, void> {
    for (let index = 0; index < this.#retired.length; index++) {
      yield* this.#retired.at(index)?.refs ?? [];
    }
    yield* this.#replaced;
  }

  #endPins(): void {
    const now = this.#now();
    for (const pin of this.#pins) {
      if (pin.endIfExceeded(now, this.#retiredBytesEver)) this.#pins.delete(pin);
    }
  }

  #oldestPinned(): number {
    let oldest = this.#published;
    for (const { version } of this.#pins) oldest = Math.min(oldest, version);
    for (let reader = 0; reader < readersMax; reader++) {
      const pin = Atomics.load(this.control, pinWord(reader));
      // A pin has the low 32 bits of a version. A reader that saw a version holds it for less than 2^31 versions.
      if (pin !== 0) oldest = Math.min(oldest, this.#published - ((this.#published - pin) | 0));
    }
    return oldest;
  }
}
