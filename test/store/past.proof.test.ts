import { expect, test, vi } from "vitest";
import { createChangeSet } from "../../src/store/change-set.ts";
import type { Entry } from "../../src/store/entry.ts";
import { Fifo } from "../../src/store/fifo.ts";
import { History, type HistoryLimits } from "../../src/store/history.ts";
import { type KeyRange, keyRange, prefixRange } from "../../src/store/key-range.ts";
import { MapStore } from "../../src/store/map-store.ts";
import { PastState } from "../../src/store/past.ts";
import type { State, Store } from "../../src/store/store.ts";
import type { LiveEntry, TransactionEvent } from "../../src/transaction-log/transaction-logger.ts";
import { createRandom, type Random, rounds, seed } from "../support/random.ts";
import { put, remove, touch } from "./store-model.ts";
import { stores } from "./stores.ts";

const roomy = { watchHistoryEventsMax: 1_000_000, watchHistoryBytesMax: 1_000_000_000 };

/** A store with its history. */
class World {
  readonly store: Store;
  readonly history: History;

  constructor(limits: HistoryLimits = roomy, store: Store = new MapStore()) {
    this.store = store;
    this.history = new History(limits, 0);
  }

  write(...events: TransactionEvent[]): void {
    const sequence = this.store.revision + 1;
    const changes = this.store.apply({ sequence, time: sequence, events });
    this.store.publish();
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
async function readAll(state: State): Promise<unknown> {
  const counts = ranges.map((range) => Promise.resolve(state.count(range)));
  return {
    entries: keys.map((key) => state.get(key)),
    scans: ranges.flatMap((range) => [false, true].map((reverse) => scanAll(state, range, reverse))),
    counts: await Promise.all(counts),
  };
}

function scanAll(state: State, range: KeyRange, reverse: boolean): Entry[] {
  return [...state.scan(range, reverse)].filter((entry) => entry !== undefined);
}

test.each(stores)(`every revision of a %s reads as it was (seed ${seed})`, async (_, createStore) => {
  const random = createRandom(seed);
  const world = new World({ ...roomy, watchHistoryEventsMax: 15 }, createStore());
  const expected = [await readAll(world.store)];
  for (let round = 0; round < 70 * rounds; round++) {
    world.write(...randomEvents(random));
    expected.push(await readAll(world.store));
    for (let revision = world.history.oldestState; revision < world.store.revision; revision++) {
      expect(await readAll(world.at(revision))).toEqual(expected[revision]);
    }
  }
  expect(world.history.oldestState).toBeGreaterThan(50 * rounds);
});

test.each(stores)(
  `what is read of a %s over several turns is of one revision (seed ${seed})`,
  async (_, createStore) => {
    const random = createRandom(seed);
    const world = new World(roomy, createStore());
    const key = () => `key ${random.below(1000)}`;
    const event = () => (random.chance(0.5) ? remove(key()) : put(key(), `${random.below(1000)}`));
    for (let count = 0; count < 3000; count++) world.write(event());
    const { revision } = world.store;
    const expected = scanAll(world.store, prefixRange(""), false);
    for (let count = 0; count < 10_000; count++) world.write(event());
    for (const reverse of [false, true]) {
      const read: Entry[] = [];
      let turns = 0;
      for (const entry of world.at(revision).scan(prefixRange(""), reverse)) {
        if (entry !== undefined) read.push(entry);
        else for (let count = 0; count < 100; count++) world.write(event());
        turns += Number(entry === undefined);
      }
      expect(read).toEqual(reverse ? expected.toReversed() : expected);
      expect(turns).toBeGreaterThan(5);
    }
    const counting = world.at(revision).count(prefixRange(""));
    // The first slice was over long before all changes were counted.
    for (let count = 0; count < 3000; count++) world.write(event());
    expect(await counting).toBe(expected.length);
  },
);

test("a scan gives way before its first entry, so that one scan for each name of a level does", () => {
  const world = new World();
  world.write(put("a", "1"));
  world.write(put("a", "2"));
  expect(world.at(1).scan(prefixRange(""), false).next()).toEqual({ done: false, value: undefined });
});

test("a read over several turns ends when the history no longer has its revision", async () => {
  const world = new World({ ...roomy, watchHistoryEventsMax: 20_000 });
  for (let count = 0; count < 20_000; count++) world.write(put(`key ${count % 300}`, "1"));
  const past = world.at(world.history.oldestState);
  const counting = past.count(prefixRange(""));
  const scan = past.scan(prefixRange(""), false);
  for (let next = scan.next(); next.value !== undefined; ) next = scan.next();
  for (let count = 0; count < 20_000; count++) world.write(put("new", "1"));
  const compacted = { reason: "REVISION_COMPACTED" };
  expect(() => scan.next()).toThrow(expect.objectContaining(compacted));
  await expect(counting).rejects.toMatchObject(compacted);
});

test("has the versions of a key, the newest first", () => {
  const world = new World();
  for (const value of ["1", "2", "3"]) world.write(put("a", value), put(`b${value}`));
  world.write(remove("a"));
  const versions = (before: number) =>
    [...world.history.versionsBefore("a", before)].map(({ revision, entry }) => [revision, entry?.value]);
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
  expect([...world.history.versionsBefore("unknown", 5)]).toEqual([]);
});

test("has the versions of a key between many touches, and looks at few of those", () => {
  const world = new World({ ...roomy, watchHistoryEventsMax: 25_000 });
  for (const event of [put("a", "0"), put("a", "1"), remove("a"), put("a", "2")]) world.write(event);
  for (let count = 0; count < 10_000; count++) world.write(touch("a", count));
  world.write(put("a", "3"));
  for (let count = 0; count < 10_000; count++) world.write(touch("a", count));
  const looks = vi.spyOn(Fifo.prototype, "at");
  const versions = () =>
    [...world.history.versionsBefore("a", world.store.revision + 1)].map(({ entry }) => entry?.value);
  expect(versions()).toEqual(["3", "2", undefined, "1", "0"]);
  expect(looks.mock.calls.length).toBeLessThan(200);
  looks.mockRestore();
  // The history then begins among the first touches.
  for (let count = 0; count < 10_000; count++) world.write(touch("b", count), touch("a", count));
  expect(versions()).toEqual(["3"]);
});

test("reads begin at a transaction that takes half of the history; watches continue across it", () => {
  const world = new World({ ...roomy, watchHistoryBytesMax: 5000 });
  world.write(put("a", "x".repeat(3000)));
  expect([world.history.oldest, world.history.oldestState]).toEqual([0, 0]);
  world.write(remove("a"), put("c", "x".repeat(3000)));
  const { history } = world;
  expect(history.oldestState).toBe(2);
  expect(history.oldest).toBeLessThan(2);
  expect(history.at(2)?.previousValues).toBe(false);
  world.write(put("a", "1"));
  expect(scanAll(world.at(2), prefixRange(""), false).map(({ key }) => key)).toEqual(["c"]);
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
