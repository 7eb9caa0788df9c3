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
  /** Versions that snapshots of this thread hold. */
  readonly #pins = new Map<object, number>();
  #published = firstVersion;
  #state = emptyState;
  /** Retired by the version under way. */
  #replaced: Ref[] = [];
  #retiredCount = 0;

  constructor(control: Int32Array, allocator: Allocator) {
    this.control = control;
    this.#allocator = allocator;
    storeState(control, firstVersion, emptyState);
    Atomics.store(control, versionWord, firstVersion);
  }

  /** The published state. */
  get state(): TreeState {
    return this.#state;
  }

  /** The number of the version under way. */
  get current(): number {
    return this.#published + versionStep;
  }

  /** The number of pages and records that wait until no reader needs them. */
  get retiredCount(): number {
    return this.#retiredCount;
  }

  /** The number of versions that are pinned or published later than the oldest pinned one. */
  get heldVersions(): number {
    return (this.current - this.#oldestPinned()) / versionStep;
  }

  /** The version under way no longer reaches this page or record, which an earlier version may reach. */
  retire(ref: Ref): void {
    this.#replaced.push(ref);
    this.#retiredCount++;
  }

  /** Publishes the version under way with this state, and frees what no reader needs any more. */
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
    this.reclaim();
  }

  /** Frees what was retired at or before the oldest version that is pinned. */
  reclaim(): void {
    const oldest = this.#oldestPinned();
    for (;;) {
      const retired = this.#retired.at(0);
      if (retired === undefined || retired.version > oldest) return;
      for (const ref of retired.refs) this.#allocator.free(ref);
      this.#retiredCount -= retired.refs.length;
      this.#retired.shift();
    }
  }

  /** Keeps the published version readable by this thread until the returned function is called. */
  pin(): () => void {
    const pin = {};
    this.#pins.set(pin, this.#published);
    return () => {
      if (this.#pins.delete(pin)) this.reclaim();
    };
  }

  /** All that is retired and not freed. For tests and debugging. */
  *retired(): Generator<Ref, void> {
    for (let index = 0; index < this.#retired.length; index++) {
      yield* this.#retired.at(index)?.refs ?? [];
    }
    yield* this.#replaced;
  }

  #oldestPinned(): number {
    let oldest = this.#published;
    for (const version of this.#pins.values()) oldest = Math.min(oldest, version);
    for (let reader = 0; reader < readersMax; reader++) {
      const pin = Atomics.load(this.control, pinWord(reader));
      // A pin has the low 32 bits of a version. A reader that saw a version holds it for less than 2^31 versions.
      if (pin !== 0) oldest = Math.min(oldest, this.#published - ((this.#published - pin) | 0));
    }
    return oldest;
  }
}
