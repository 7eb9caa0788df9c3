// The tree, and the store on it, beside the map: `node bench/store.ts [entries] [rounds]`. CPU per operation; the cases alternate.
import { prefixRange } from "../src/store/key-range.ts";
import { MapStore } from "../src/store/map-store.ts";
import { noRef, reserveSlabs } from "../src/store/memory/slabs.ts";
import type { Store } from "../src/store/store.ts";
import { toByteRange } from "../src/store/tree/byte-range.ts";
import { Tree } from "../src/store/tree/tree.ts";
import { TreeStore } from "../src/store/tree-store.ts";

const entries = Number(process.argv[2] ?? 1_000_000);
const rounds = Number(process.argv[3] ?? 7);
const batchLength = 64;
const value = Buffer.alloc(64, "v").toString();

/** Keys as a request brings them: a new string each time, whose hash is not known. */
const keyBytes = Buffer.from(Array.from({ length: entries }, (_, index) => keyOf(index)).join(""));
const keyLength = keyOf(0).length;

function keyOf(index: number): string {
  return `user:${String(index).padStart(8, "0")}`;
}

function freshKey(index: number): string {
  return keyBytes.toString("latin1", index * keyLength, (index + 1) * keyLength);
}

let state = 1;
function below(limit: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
}

function residentBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

const slabs = Math.ceil((entries * 200) / 2 ** 26) + 2;
const map = new MapStore();
const treeStore = new TreeStore(reserveSlabs(slabs));
const tree = new Tree(reserveSlabs(slabs));

/** Microseconds of CPU of this thread. */
function cpu(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

function putToStore(store: Store, indexes: readonly number[]): void {
  for (const index of indexes) {
    const sequence = store.revision + 1;
    const put = { type: "put", value, createRevision: 1, version: 1, expireTime: 0 } as const;
    store.apply({ sequence, time: sequence, events: [{ ...put, key: freshKey(index) }] });
  }
  store.publish();
}

let treeRevision = 0;
function putToTree(indexes: readonly number[]): void {
  for (const index of indexes) {
    treeRevision++;
    const head = {
      revision: treeRevision,
      createRevision: 1,
      version: 1,
      updateTime: treeRevision,
      expireTime: 0,
    };
    tree.put({ key: freshKey(index), value, ...head });
  }
  tree.evacuate(batchLength);
  tree.publish(treeRevision, treeRevision);
}

function fill(put: (indexes: readonly number[]) => void): void {
  for (let index = 0; index < entries; index += batchLength) {
    const length = Math.min(batchLength, entries - index);
    // In another order than that of the keys.
    put(Array.from({ length }, (_, offset) => ((index + offset) * 7919) % entries));
  }
}

let sum = 0;
const response = Buffer.allocUnsafe(4096);
const cases: Readonly<Record<string, readonly [operations: number, run: () => void]>> = {
  "key alone": [1, () => (sum += freshKey(below(entries)).length)],
  "get, map": [1, () => (sum += map.get(freshKey(below(entries)))?.revision ?? 0)],
  "get, store on the tree": [1, () => (sum += treeStore.get(freshKey(below(entries)))?.revision ?? 0)],
  "get, tree without its hash index": [
    1,
    () => (sum += tree.view().get(freshKey(below(entries)))?.revision ?? 0),
  ],
  "get, tree": [1, () => (sum += tree.get(freshKey(below(entries)))?.revision ?? 0)],
  "get and write the value, map": [
    1,
    () => (sum += response.write(map.get(freshKey(below(entries)))?.value as string, 0, "utf8")),
  ],
  "get and write the value, bytes": [
    1,
    () => {
      const ref = tree.find(freshKey(below(entries)));
      if (ref !== noRef) sum += tree.records.copyValue(ref, response, 0);
    },
  ],
  "scan of 100, map": [1, () => (sum += scanStore(map, 100))],
  "scan of 100, store on the tree": [1, () => (sum += scanStore(treeStore, 100))],
  "scan of 100, tree": [1, () => (sum += scanTree(100))],
  "count of a prefix, map": [1, () => (sum += map.count(prefixRange(keyOf(below(entries)).slice(0, 8))))],
  "count of a prefix, tree": [
    1,
    () => (sum += tree.view().count(toByteRange(prefixRange(keyOf(below(entries)).slice(0, 8))))),
  ],
  "put, map": [batchLength, () => putToStore(map, someIndexes())],
  "put, store on the tree": [batchLength, () => putToStore(treeStore, someIndexes())],
  "put, tree": [batchLength, () => putToTree(someIndexes())],
};

function someIndexes(): readonly number[] {
  return Array.from({ length: batchLength }, () => below(entries));
}

function scanStore(store: Store, limit: number): number {
  let left = limit;
  for (const { revision: found } of store.scan({ start: freshKey(below(entries)), end: undefined }, false)) {
    sum += found;
    if (--left === 0) break;
  }
  return left;
}

function scanTree(limit: number): number {
  let left = limit;
  const range = toByteRange({ start: freshKey(below(entries)), end: undefined });
  for (const { revision: found } of tree.view().scan(range, false)) {
    sum += found;
    if (--left === 0) break;
  }
  return left;
}

function fillAndMeasure(name: string, put: (indexes: readonly number[]) => void): void {
  const before = residentBytes();
  const start = cpu();
  fill(put);
  const micros = ((cpu() - start) / entries).toFixed(2);
  console.log(
    `${name}: filled in ${micros} µs, ${((residentBytes() - before) / entries).toFixed(0)} bytes an entry`,
  );
}

fillAndMeasure("tree", putToTree);
fillAndMeasure("store on the tree", (indexes) => putToStore(treeStore, indexes));
fillAndMeasure("map", (indexes) => putToStore(map, indexes));

const best = new Map<string, number>();
for (let round = 0; round < rounds; round++) {
  for (const [name, [operations, run]] of Object.entries(cases)) {
    const repeats = name.startsWith("count")
      ? 200
      : name.startsWith("get") || name.startsWith("key")
        ? 200_000
        : 2000;
    const from = cpu();
    for (let repeat = 0; repeat < repeats; repeat++) run();
    const micros = (cpu() - from) / repeats / operations;
    best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, micros));
  }
}
for (const [name, micros] of best) console.log(`${name.padEnd(34)} ${micros.toFixed(3)} µs`);
console.log(JSON.stringify(tree.usage), sum > 0);
