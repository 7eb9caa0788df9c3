import { expect } from "vitest";
import type { Entry } from "../../../src/store/entry.ts";
import type { KeyRange } from "../../../src/store/key-range.ts";
import { MapStore } from "../../../src/store/map-store.ts";
import type { RecordEntry } from "../../../src/store/memory/records.ts";
import { noRef, reserveSlabs, type Slabs } from "../../../src/store/memory/slabs.ts";
import type { Snapshot } from "../../../src/store/snapshot.ts";
import { toByteRange } from "../../../src/store/tree/byte-range.ts";
import type { PinBounds } from "../../../src/store/tree/pin.ts";
import { Tree, type TreeSnapshot } from "../../../src/store/tree/tree.ts";
import type { VersionOptions } from "../../../src/store/tree/versions.ts";
import type { TransactionEvent } from "../../../src/transaction-log/transaction-logger.ts";

export const unbounded: PinBounds = {
  msMax: Number.POSITIVE_INFINITY,
  retiredBytesMax: Number.POSITIVE_INFINITY,
};

/** An entry without what the tree does not hold. */
export function recordEntry(entry: Entry): RecordEntry {
  const { key, value, revision, createRevision, version, updateTime, expireTime } = entry;
  return { key, value, revision, createRevision, version, updateTime, expireTime };
}

/** A tree, and a store with the same entries that tells what the tree must hold. */
export class MirroredTree {
  readonly tree: Tree;
  readonly store = new MapStore();

  constructor(slabs: Slabs = reserveSlabs(2), options?: VersionOptions) {
    this.tree = new Tree(slabs, options);
  }

  /** Applies a transaction to both, without publishing it. */
  change(...events: readonly TransactionEvent[]): void {
    const revision = this.store.revision + 1;
    const changes = this.store.apply({ sequence: revision, time: 1_700_000_000_000 + revision, events });
    for (const { key, entry, previous } of changes) {
      const replaced = entry === undefined ? this.tree.remove(key) : this.tree.put(recordEntry(entry));
      const before = replaced === noRef ? undefined : this.tree.records.entry(replaced);
      expect(before).toEqual(previous === undefined ? undefined : recordEntry(previous));
    }
  }

  publish(): void {
    this.tree.publish(this.store.revision, this.store.time);
  }

  write(...events: readonly TransactionEvent[]): void {
    this.change(...events);
    this.publish();
  }

  snapshot(): MirroredSnapshot {
    return new MirroredSnapshot(this.tree.snapshot(unbounded), this.store.snapshot());
  }

  /** Both must hold the same in the range, whichever way it is read. */
  expectSame(range: KeyRange): void {
    const bytes = toByteRange(range);
    const view = this.tree.view();
    for (const reverse of [false, true]) {
      const entries = Array.from(this.store.scan(range, reverse), recordEntry);
      expect([...view.scan(bytes, reverse)]).toEqual(entries);
    }
    expect(view.count(bytes)).toBe(this.store.count(range));
    expect(this.tree.size).toBe(this.store.size);
  }

  expectSameEntry(key: string): void {
    const entry = this.store.get(key);
    expect(this.tree.get(key)).toEqual(entry === undefined ? undefined : recordEntry(entry));
  }
}

/** Snapshots of both at the same revision. */
export class MirroredSnapshot {
  readonly #ofTree: TreeSnapshot;
  readonly #ofStore: Snapshot;

  constructor(ofTree: TreeSnapshot, ofStore: Snapshot) {
    this.#ofTree = ofTree;
    this.#ofStore = ofStore;
    expect(ofTree.view.revision).toBe(ofStore.revision);
  }

  expectSame(range: KeyRange): void {
    const { view } = this.#ofTree;
    const entries = [...this.#ofStore.scan(range)].filter((entry) => entry !== undefined).map(recordEntry);
    expect([...view.scan(toByteRange(range), false)]).toEqual(entries);
    expect([...view.scan(toByteRange(range), true)]).toEqual(entries.toReversed());
    expect(view.count(toByteRange(range))).toBe(entries.length);
    for (const entry of entries.slice(0, 10)) expect(view.get(entry.key)).toEqual(entry);
  }

  release(): void {
    this.#ofTree.release();
    this.#ofStore.release();
  }
}
