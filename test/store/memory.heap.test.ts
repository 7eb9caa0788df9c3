import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { Batch } from "../../src/committer/batch.ts";
import { defaultLimits } from "../../src/limits.ts";
import { MapStore } from "../../src/store/map-store.ts";
import type { Value } from "../../src/transaction-log/transaction-logger.ts";
import { noRequests } from "../committer/committing.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Heap and what is outside of it, after everything has gone that can go. */
function occupiedBytes(): number {
  for (let round = 0; round < 3; round++) collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

interface Filling {
  readonly count: number;
  readonly key: (index: number) => string;
  readonly value: () => Value;
  readonly ttlMs?: number;
}

/** A new text each time, as a request makes one. */
const text = (content: string) => Buffer.from(content).toString();
const longUrl = (index: number) => text(`/v1/key/a-key-in-a-url-${index}?${"&".repeat(30_000)}`);

const fillings: Readonly<Record<string, Filling>> = {
  "nothing but keys": { count: 50_000, key: (index) => text(`key ${index}`), value: () => "" },
  "short texts": { count: 50_000, key: (index) => text(`key ${index}`), value: () => text("x".repeat(64)) },
  "long texts": { count: 2000, key: (index) => text(`key ${index}`), value: () => text("x".repeat(20_000)) },
  "few bytes": { count: 50_000, key: (index) => text(`key ${index}`), value: () => new Uint8Array(32) },
  "more bytes": { count: 50_000, key: (index) => text(`key ${index}`), value: () => new Uint8Array(500) },
  "Latin-1": { count: 20_000, key: (index) => text(`clé ${index}`), value: () => text("é".repeat(300)) },
  Chinese: { count: 20_000, key: (index) => text(`鍵 ${index}`), value: () => text("漢".repeat(300)) },
  emoji: { count: 20_000, key: (index) => text(`😀 ${index}`), value: () => text(`${"x".repeat(500)}😀`) },
  "times to live": { count: 50_000, key: (index) => text(`key ${index}`), value: () => "", ttlMs: 5000 },
  "keys that are parts of long URLs": {
    count: 2000,
    key: (index) => longUrl(index).slice("/v1/key/".length, -30_001),
    value: () => "",
  },
};

test.each(Object.entries(fillings))("%s occupy no more than they are counted with", (_, filling) => {
  const { count, key, value, ttlMs = 0 } = filling;
  const store = new MapStore();
  const before = occupiedBytes();
  for (let index = 0; index < count; index++) {
    const batch = new Batch(store, noRequests(), defaultLimits, 1_700_000_000_000 + index);
    batch.evaluate({
      checks: [],
      mutations: [{ type: "put", key: key(index), value: value(), ttlMs }],
      requestId: undefined,
    });
    for (const transaction of batch.transactions) store.apply(transaction);
  }
  const occupied = occupiedBytes() - before;
  expect(store.size).toBe(count);
  expect(occupied).toBeLessThan(store.bytes + 1_000_000);
  // Nor is the store called full when it is half empty.
  expect(store.bytes).toBeLessThan(2 * occupied + 1_000_000);
});
