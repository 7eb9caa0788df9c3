import { expect, test } from "vitest";
import { createChangeSet } from "../../src/store/change-set.ts";
import { History, type HistoryLimits } from "../../src/store/history.ts";
import { type KeyRange, keyRange, prefixRange } from "../../src/store/key-range.ts";
import { PastState } from "../../src/store/past.ts";
import { type State, Store } from "../../src/store/store.ts";
import type { LiveEntry, TransactionEvent } from "../../src/transaction-log/transaction-logger.ts";
import { createRandom, type Random, seed } from "../support/random.ts";
import { put, remove, touch } from "./store-model.ts";

const roomy = { watchHistoryEventsMax: 1_000_000, watchHistoryBytesMax: 1_000_000_000 };

/** A store with its history. */
class World {
  readonly store = new Store();
  readonly history: History;

  constructor(limits: HistoryLimits = roomy) {
    this.history = new History(limits, 0);
  }

  write(...events: TransactionEvent[]): void {
    const sequence = this.store.revision + 1;
    const changes = this.store.apply({ sequence, time: sequence, events });
    this.history.add(createChangeSet(sequence, sequence, changes));
  }

  at(revision: number): State {
    return new PastState(this.store, this.history, revision);
  }
}

const keys = ["a", "a/1", "a/2", "b", "b/\u{1f600}", "b/\ue000", "c", "\u{1f600}", "\ue000"];

const ranges: readonly KeyRange[] = [
  prefixRange(""),
  prefixRange("a"),
  prefixRange("b/"),
  keyRange("a/1", "b/\ue000"),
  keyRange("\ue000", ""),
  keyRange("c", "a"),
];

function randomEvents(random: Random): TransactionEvent[] {
  const chosen = new Set(Array.from({ length: 1 + random.below(3) }, () => random.pick(keys)));
  return [...chosen].map((key) => {
    if (random.chance(0.3)) return remove(key);
    return random.chance(0.4) ? touch(key, random.below(1000)) : put(key, `${random.below(1000)}`);
  });
}

/** All that can be read of a state. */
function readAll(state: State): unknown {
  return {
    entries: keys.map((key) => state.get(key)),
    scans: ranges.flatMap((range) => [false, true].map((reverse) => [...state.scan(range, reverse)])),
    counts: ranges.map((range) => state.count(range)),
  };
}

test(`every revision that the history reaches reads as it was (seed ${seed})`, () => {
  const random = createRandom(seed);
  const world = new World({ ...roomy, watchHistoryEventsMax: 30 });
  const expected = [readAll(world.store)];
  for (let round = 0; round < 150; round++) {
    world.write(...randomEvents(random));
    expected.push(readAll(world.store));
    for (let revision = world.history.oldestState; revision < world.store.revision; revision++) {
      expect(readAll(world.at(revision))).toEqual(expected[revision]);
    }
  }
  expect(world.history.oldestState).toBeGreaterThan(100);
});

test("has the versions of a key, the newest first", () => {
  const world = new World();
  for (const value of ["1", "2", "3"]) world.write(put("a", value), put(`b${value}`));
  world.write(remove("a"));
  const versions = (before: number) =>
    [...world.history.changesBefore("a", before)].map(({ revision, entry }) => [revision, entry?.value]);
  expect(versions(5)).toEqual([
    [4, undefined],
    [3, "3"],
    [2, "2"],
    [1, "1"],
  ]);
  expect(versions(3)).toEqual([
    [2, "2"],
    [1, "1"],
  ]);
  expect([...world.history.changesBefore("unknown", 5)]).toEqual([]);
});

test("reads begin at a transaction that takes half of the history; watches go on across it", () => {
  const world = new World({ ...roomy, watchHistoryBytesMax: 5000 });
  world.write(put("a", "x".repeat(3000)));
  expect([world.history.oldest, world.history.oldestState]).toEqual([0, 0]);
  world.write(remove("a"), put("c", "x".repeat(3000)));
  const { history } = world;
  expect(history.oldestState).toBe(2);
  expect(history.oldest).toBeLessThan(2);
  expect(history.at(2)?.previousValues).toBe(false);
  world.write(put("a", "1"), remove("c"));
  expect([...world.at(2).scan(prefixRange(""), false)].map(({ key }) => key)).toEqual(["c"]);
});

test(`a pin has the revisions of its time, whatever leaves the history (seed ${seed})`, () => {
  const random = createRandom(seed);
  const world = new World({ ...roomy, watchHistoryEventsMax: 20 });
  for (let round = 0; round < 20; round++) {
    for (let count = 0; count < 10; count++) world.write(...randomEvents(random));
    const pin = world.history.pin(world.at(world.history.oldest));
    const summary = (entry: LiveEntry | undefined) => entry && [entry.revision, entry.expireTime];
    const expected = keys.map((key) => summary(world.at(pin.revision).get(key)));
    for (let count = 0; count < 10 * round; count++) world.write(...randomEvents(random));
    expect(keys.map((key) => summary(pin.get(key)))).toEqual(expected);
    pin.release();
  }
});
