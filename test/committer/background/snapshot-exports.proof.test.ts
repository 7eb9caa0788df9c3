import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { verifySnapshot } from "../../../src/cli/snapshot/verify.ts";
import {
  SnapshotExports,
  type SnapshotExportsOptions,
} from "../../../src/committer/background/snapshot-exports.ts";
import { MapStore } from "../../../src/store/map-store.ts";
import type { Store } from "../../../src/store/store.ts";
import { applyNext, put, remove } from "../../store/store-model.ts";
import { stores } from "../../store/stores.ts";
import { createRandom, rounds, seed, stride } from "../../support/random.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const never = new AbortController().signal;

function createExports(store: Store, options: Partial<SnapshotExportsOptions> = {}): SnapshotExports {
  return new SnapshotExports({
    store,
    storeId: "0123456789abcdef",
    keptBytesMax: Number.POSITIVE_INFINITY,
    stallMs: 1_000_000,
    ...options,
  });
}

function fill(store: Store, count: number, value = "x".repeat(100)): void {
  for (let index = 0; index < count; index++) applyNext(store, put(`key ${index % 7} ${index}`, value));
}

async function save(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const path = join(await temporaryDirectory(), "backup.snapshot");
  await writeFile(path, pieces);
  return path;
}

test("an export of an empty store is a whole snapshot", async () => {
  const path = await save(createExports(new MapStore()).read(never));
  expect(await verifySnapshot(path)).toMatchObject({ revision: 0, entries: 0, hash: "0".repeat(32) });
});

test.each(stores)(
  `an export of a %s under load is of one revision (seed ${seed})`,
  async (_name, createStore) => {
    const random = createRandom(seed);
    for (let round = 0; round < 5 * rounds; round++) {
      const store = createStore();
      fill(store, random.pick([1, 499, 500, 501, 3000]), "é".repeat(random.below(300)));
      applyNext(
        store,
        ...Array.from({ length: 50 }, (_, index) => put(`many ${index}`, new Uint8Array(5000))),
      );
      applyNext(store, put("expires", "", 7e12));
      const { revision, size: entries, hash } = store;
      const reading = createExports(store).read(never);
      async function* underLoad() {
        for await (const piece of reading) {
          yield piece;
          for (let write = 0; write < 200; write++) {
            const key = `key ${random.below(7)} ${random.below(3000)}`;
            applyNext(store, random.chance(0.3) ? remove(key) : put(key, "new"), put("many 7"));
          }
        }
      }
      expect(await verifySnapshot(await save(underLoad()))).toMatchObject({ revision, entries, hash });
      expect(store.hash).not.toBe(hash);
    }
  },
);

test("a snapshot that is cut anywhere, or has a bit too many or a wrong one, is refused", async () => {
  const store = new MapStore();
  fill(store, 2000);
  const path = await save(createExports(store).read(never));
  const { bytes } = await verifySnapshot(path);
  for (let percent = 99; percent >= 0; percent -= stride) {
    await truncate(path, Math.floor((bytes * percent) / 100));
    await expect(verifySnapshot(path), `${percent} %`).rejects.toMatchObject({ reason: "LOG_CORRUPT" });
  }
  const good = Buffer.concat(await Array.fromAsync(createExports(store).read(never)));
  await writeFile(path, Buffer.concat([good, Buffer.alloc(1)]));
  await expect(verifySnapshot(path)).rejects.toMatchObject({ reason: "LOG_CORRUPT" });
  const random = createRandom(seed);
  for (let flip = 0; flip < 10 * rounds; flip++) {
    const bad = Buffer.from(good);
    const offset = random.below(bad.length);
    bad.writeUInt8(bad.readUInt8(offset) ^ (1 << random.below(8)), offset);
    await writeFile(path, bad);
    await expect(verifySnapshot(path), `offset ${offset}, seed ${seed}`).rejects.toMatchObject({
      reason: expect.stringMatching(/^LOG_(CORRUPT|VERSION)$/),
    });
  }
});

test("a snapshot ends when its reader stalls, and then keeps nothing", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  try {
    const store = new MapStore();
    fill(store, 5000);
    let kept = 0;
    const take = store.snapshot.bind(store);
    vi.spyOn(store, "snapshot").mockImplementation((bounds) => take({ ...bounds, onKept: () => kept++ }));
    const exports = createExports(store, { stallMs: 1000 });
    const reading = exports.read(never);
    await reading.next();
    await reading.next();
    vi.advanceTimersByTime(999);
    expect(exports.counts).toMatchObject({ running: 1, tooSlow: 0 });
    applyNext(store, put("key 6 4990"));
    expect(kept).toBe(1);
    vi.advanceTimersByTime(1);
    expect(exports.counts).toMatchObject({ running: 0, tooSlow: 1 });
    applyNext(store, put("key 6 4997"));
    expect(kept).toBe(1);
    await expect(reading.next()).rejects.toMatchObject({ reason: "SNAPSHOT_TOO_SLOW" });
    expect(exports.counts).toMatchObject({ running: 0, tooSlow: 1, completed: 0, completedTime: 0 });
  } finally {
    vi.useRealTimers();
  }
});

test("a snapshot ends when its reader has fallen too far behind the least rate, however regularly it reads", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  try {
    const store = new MapStore();
    fill(store, 3000, "x".repeat(1000));
    const exports = createExports(store, { stallMs: 10_000 });
    const [slow, steady] = [exports.read(never), exports.read(never)];
    let read = 0;
    const failure = await (async () => {
      for (;;) {
        const piece = await slow.next();
        if (piece.done) return undefined;
        read++;
        vi.advanceTimersByTime(4500);
      }
    })().catch((error: unknown) => error);
    expect(failure).toMatchObject({ reason: "SNAPSHOT_TOO_SLOW" });
    expect(read).toBeGreaterThan(2);
    // 64 KiB in a second.
    let bytes = 0;
    for await (const { length } of steady) {
      bytes += length;
      vi.advanceTimersByTime(length / 66);
    }
    expect(bytes).toBeGreaterThan(3_000_000);
    expect(exports.counts).toMatchObject({ running: 0, tooSlow: 1, completed: 1 });
  } finally {
    vi.useRealTimers();
  }
});

test("a snapshot ends when too many unread entries are overwritten", async () => {
  const store = new MapStore();
  fill(store, 3000);
  const each = store.bytes / 3000;
  const exports = createExports(store, { keptBytesMax: 1000 * each });
  const [slow, fast] = [exports.read(never), exports.read(never)];
  await slow.next();
  // It is past all entries: what it has read it needs no more.
  for await (const _ of fast) continue;
  fill(store, 1000);
  expect(exports.counts).toMatchObject({ running: 1, completed: 1, tooSlow: 0 });
  for (let index = 1000; index < 1010; index++) applyNext(store, put(`key ${index % 7} ${index}`));
  expect(exports.counts).toMatchObject({ running: 0, completed: 1, tooSlow: 1 });
  await expect(slow.next()).rejects.toMatchObject({ reason: "SNAPSHOT_TOO_SLOW" });
});

test("a third reader is refused until one of two has ended or left", async () => {
  const store = new MapStore();
  fill(store, 3000);
  const exports = createExports(store);
  const [first, second] = [exports.read(never), exports.read(never)];
  await first.next();
  await second.next();
  await expect(exports.read(never).next()).rejects.toMatchObject({ reason: "OVERLOADED" });
  await first.return();
  expect((await exports.read(never).next()).done).toBe(false);
  expect(exports.counts.running).toBe(2);
});

test("a reader that leaves is not counted as one that was too slow", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const store = new MapStore();
    fill(store, 3000);
    const exports = createExports(store, { stallMs: 1000 });
    const reading = exports.read(never);
    await reading.next();
    await reading.return();
    vi.advanceTimersByTime(1000);
    expect(exports.counts).toMatchObject({ running: 0, completed: 0, tooSlow: 0 });
  } finally {
    vi.useRealTimers();
  }
});

test("an export ends when its signal aborts", async () => {
  const store = new MapStore();
  fill(store, 3000);
  const exports = createExports(store);
  const ending = new AbortController();
  const reading = exports.read(ending.signal);
  await reading.next();
  ending.abort(new Error("the client has gone"));
  await expect(reading.next()).rejects.toThrow("the client has gone");
  expect(exports.counts).toMatchObject({ running: 0, completed: 0, tooSlow: 0 });
});
