import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { createChangeSet } from "../../src/store/change-set.ts";
import { entryBytes } from "../../src/store/entry.ts";
import { History } from "../../src/store/history.ts";
import { MapStore } from "../../src/store/map-store.ts";
import type { TransactionEvent } from "../../src/transaction-log/transaction-logger.ts";
import { applyNext, put, remove } from "./store-model.ts";

const unbounded = { watchHistoryEventsMax: 1_000_000, watchHistoryBytesMax: 1_000_000_000 };

/** Writes to a store and tells the history, as the hub does. */
function createWriter(history: History): (...events: TransactionEvent[]) => void {
  const store = new MapStore();
  return (...events) => {
    const changes = applyNext(store, ...events);
    history.add(createChangeSet(store.revision, store.time, changes));
  };
}

test("keeps the latest transactions, by the number of their events", () => {
  const history = new History({ ...unbounded, watchHistoryEventsMax: 5 }, 0);
  const write = createWriter(history);
  for (let count = 0; count < 5; count++) write(put(`${count}`));
  expect(history.oldest).toBe(0);
  write(put("a"), put("b"));
  expect(history.oldest).toBe(2);
  expect(history.at(2)).toBeUndefined();
  expect(history.at(3)?.changes[0]?.key).toBe("2");
  expect(history.at(6)?.changes).toHaveLength(2);
  expect(history.at(7)).toBeUndefined();
});

test("keeps the latest transactions, by the bytes of previous values and the index", () => {
  const value = "x".repeat(1000);
  const bytesOf = (count: number) => {
    const history = new History(unbounded, 0);
    const write = createWriter(history);
    for (let written = 0; written < count; written++) write(put("key", value));
    return history.bytes;
  };
  const [one, two, three] = [bytesOf(1), bytesOf(2), bytesOf(3)];
  // The first change has no previous value, and it brings the key into the index.
  expect(two - one).toBe(three - two);
  expect(two - one).toBeGreaterThan(entryBytes("key", value, 0));
  expect(one).toBeLessThan(entryBytes("key", value, 0));
  const history = new History({ ...unbounded, watchHistoryBytesMax: three }, 0);
  const write = createWriter(history);
  for (let count = 0; count < 3; count++) write(put("key", value));
  expect(history.oldest).toBe(0);
  write(put("key", value));
  expect(history.oldest).toBe(2);
  write(remove("key"));
  expect(history.at(5)?.pastBytes).toBe(two - one);
});

test("transactions without changes occupy something, too", () => {
  const history = new History({ ...unbounded, watchHistoryBytesMax: 10_000 }, 0);
  const write = createWriter(history);
  for (let count = 0; count < 1000; count++) write();
  expect(history.oldest).toBeGreaterThan(900);
  expect(history.bytes).toBeGreaterThan(5000);
});

test("keeps nothing of a transaction that is larger than the whole history", () => {
  const history = new History({ ...unbounded, watchHistoryEventsMax: 2 }, 0);
  const write = createWriter(history);
  write(put("a"));
  write(put("a"), put("b"), put("c"));
  expect(history.oldest).toBe(2);
  write(put("a"));
  expect(history.at(3)?.revision).toBe(3);
});

test("drops what a large transaction leaves no room for in slices, one in each turn", async () => {
  const value = "x".repeat(2_000_000);
  let dropped = 0;
  const limits = { ...unbounded, watchHistoryBytesMax: 5_000_000 };
  const history = new History(limits, 0, () => dropped++);
  const write = createWriter(history);
  write(put("large", value));
  for (let count = 0; history.bytes < 4_000_000; count++) write(put(`${count}`, "small"));
  while (history.bytes < 4_990_000) write(put("0", "small"));
  expect(dropped).toBe(0);
  write(remove("large"));
  expect(dropped).toBe(1000);
  let most = 0;
  while (history.bytes > limits.watchHistoryBytesMax) {
    const before = dropped;
    await nextTurn();
    most = Math.max(most, dropped - before);
  }
  expect([most, history.oldest]).toEqual([1000, dropped]);
  expect(history.at(history.oldest + 1)).toBeDefined();
});

test("never takes twice its bytes, however many large transactions come in one turn", () => {
  const value = "x".repeat(2_000_000);
  const limits = { ...unbounded, watchHistoryBytesMax: 5_000_000 };
  const history = new History(limits, 0);
  const write = createWriter(history);
  for (let count = 0; count < 20; count++) write(put(`large ${count}`, value));
  for (let count = 0; history.bytes < 4_990_000; count++) write(put(`${count}`, "small"));
  let most = 0;
  for (let count = 0; count < 20; count++) {
    write(remove(`large ${count}`));
    most = Math.max(most, history.bytes);
  }
  expect(most).toBeGreaterThan(1.5 * limits.watchHistoryBytesMax);
  expect(most).toBeLessThanOrEqual(2 * limits.watchHistoryBytesMax);
});

test("finds every kept transaction, however many have been dropped", () => {
  const history = new History({ ...unbounded, watchHistoryEventsMax: 700 }, 0);
  const write = createWriter(history);
  for (let revision = 1; revision <= 10_000; revision++) {
    write(put("key"));
    const oldest = Math.max(0, revision - 700);
    if (history.oldest !== oldest || history.at(oldest + 1)?.revision !== oldest + 1) break;
    if (history.at(oldest) !== undefined || history.at(revision)?.revision !== revision) break;
  }
  expect(history.oldest).toBe(9300);
});

test("begins after the transactions that compaction has processed", () => {
  const history = new History(unbounded, 10);
  const write = (revision: number) => history.add(createChangeSet(revision, 0, []));
  for (const revision of [3, 7, 11, 12]) write(revision);
  expect(history.oldest).toBe(10);
  expect([history.at(7), history.at(10)]).toEqual([undefined, undefined]);
  expect(history.at(11)?.revision).toBe(11);
  expect(history.at(12)?.revision).toBe(12);
});
