import { expect, test } from "vitest";
import { MapStore } from "../../src/store/map-store.ts";
import { type Quota, QuotaUsage } from "../../src/store/quota-usage.ts";
import type { Store } from "../../src/store/store.ts";
import { createRandom, seed } from "../support/random.ts";
import { until } from "../support/until.ts";
import { applyNext, put, remove, touch } from "./store-model.ts";

const prefixes = ["", "a", "a/", "a/b", "b/", "\u{1f600}", "\uffff"];

function quota(prefix: string): Quota {
  return { prefix, bytesMax: 1, entriesMax: undefined };
}

/** What the entries under a prefix take, by going through all of them. */
function measure(store: Store, prefix: string) {
  const entries = Array.from(store.scan({ start: "", end: undefined }, false)).filter(({ key }) =>
    key.startsWith(prefix),
  );
  return { entries: entries.length, bytes: entries.reduce((sum, { bytes }) => sum + bytes, 0) };
}

function countersOf(usage: QuotaUsage, key: string) {
  return Object.fromEntries(
    Array.from(usage.of(key), ({ quota: { prefix }, bytes, entries }) => [prefix, { bytes, entries }]),
  );
}

test(`counts what the entries under each prefix take, whatever changes (seed ${seed})`, () => {
  const random = createRandom(seed);
  const store = new MapStore();
  const usage = new QuotaUsage(store, prefixes.map(quota));
  const keyOf = () =>
    random.pick(["a", "a/", "a/b/", "b/", "\u{1f600}", "\uffff", "\ue000"]) + random.below(5);
  for (let round = 0; round < 2000; round++) {
    const key = keyOf();
    const value = "x".repeat(random.below(50));
    const expireTime = random.below(2);
    const event = random.pick([put(key, value, expireTime), remove(key), touch(key, expireTime)]);
    usage.applied(applyNext(store, event));
    // Another prefix comes and goes, and is counted from the start.
    if (round % 50 === 0) usage.set(prefixes.filter(() => random.below(2) === 0).map(quota));
    const counters = countersOf(usage, key);
    const expected = Object.keys(counters).map((prefix) => [prefix, measure(store, prefix)]);
    expect(counters).toEqual(Object.fromEntries(expected));
  }
  usage.set(prefixes.map(quota));
  expect(Object.keys(countersOf(usage, "a/b/0")).toSorted()).toEqual(["", "a", "a/", "a/b"]);
});

test("counts thousands of prefixes without entries in slices, too", async () => {
  const store = new MapStore();
  const names = Array.from({ length: 5000 }, (_, index) => `${index}/`);
  const usage = new QuotaUsage(store, names.map(quota));
  expect(countersOf(usage, "4999/x")).toEqual({});
  // What replaces the quotas meanwhile is counted, too.
  usage.set(["new/", ...names].map(quota));
  await until(() => "4999/" in countersOf(usage, "4999/x"));
  expect(countersOf(usage, "new/x")).toEqual({ "new/": { entries: 0, bytes: 0 } });
});

test("counts a large store in slices, between which it changes", async () => {
  const store = new MapStore();
  const count = 50_000;
  const keys = Array.from({ length: count }, (_, index) => `k/${index}`);
  applyNext(store, ...keys.map((key) => put(key)));
  const usage = new QuotaUsage(store, []);
  usage.set([quota("k/")]);
  expect(countersOf(usage, "k/0")).toEqual({});
  let changes = 0;
  await until(() => {
    const at = (changes++ * 7919) % count;
    usage.applied(applyNext(store, remove(`k/${at}`), put(`k/${at}/new`), put(`k/${count - at}`, "longer")));
    return "k/" in countersOf(usage, "k/0");
  });
  expect(countersOf(usage, "k/0")).toEqual({ "k/": measure(store, "k/") });
});
