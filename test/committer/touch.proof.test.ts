import { expect, test } from "vitest";
import { Batch } from "../../src/committer/batch.ts";
import type { Mutation } from "../../src/committer/operation.ts";
import { replay } from "../../src/committer/replay.ts";
import type { DuetError } from "../../src/errors.ts";
import { defaultLimits } from "../../src/limits.ts";
import { MapStore } from "../../src/store/map-store.ts";
import type { Snapshot } from "../../src/store/snapshot.ts";
import type { Store } from "../../src/store/store.ts";
import { MemoryTransactionLogger } from "../../src/transaction-log/memory/memory-transaction-logger.ts";
import type { Transaction } from "../../src/transaction-log/transaction-logger.ts";
import { stores } from "../store/stores.ts";
import { createRandom, type Random, rounds, seed } from "../support/random.ts";
import { retaining } from "../transaction-log/log-model.ts";
import {
  check,
  noRequests,
  operation,
  outcomeOf,
  put,
  remove,
  startCommitting,
  touch,
} from "./committing.ts";

/** What is done to a key, and what a Map with the same rules makes of it. Times are milliseconds. */
type Step = { readonly put: number } | { readonly touch: number } | "delete" | "expire";

interface Known {
  readonly value: string;
  readonly revision: number;
  readonly createRevision: number;
  readonly version: number;
  readonly updateTime: number;
  readonly expireTime: number;
}

/** A store, its log, and a Map that must always hold the same. */
class World {
  readonly store: Store;
  readonly #createStore: () => Store;
  readonly log: Transaction[] = [];
  readonly known = new Map<string, Known>();
  /** Milliseconds since 1970; may go back. */
  time = 1_000_000;

  constructor(createStore: () => Store) {
    this.#createStore = createStore;
    this.store = createStore();
  }

  take(key: string, step: Step): void {
    if (step === "expire") return this.#expire();
    const before = this.known.get(key);
    const revision = this.store.revision + 1;
    const updateTime = Math.max(this.time, this.store.time);
    const expireTime = (ttlMs: number) => (ttlMs === 0 ? 0 : this.time + ttlMs);
    if (step === "delete") {
      expect(this.#commit(remove(key))).toBe("OK");
      this.known.delete(key);
    } else if ("put" in step) {
      const value = `${revision}`;
      expect(this.#commit(put(key, value, step.put))).toBe("OK");
      const { createRevision, version } = before ?? { createRevision: revision, version: 0 };
      const times = { updateTime, expireTime: expireTime(step.put) };
      this.known.set(key, { value, revision, createRevision, version: version + 1, ...times });
    } else {
      expect(this.#commit(touch(key, step.touch))).toBe(before ? "OK" : "NO_SUCH_KEY");
      if (before) this.known.set(key, { ...before, expireTime: expireTime(step.touch) });
      expect(this.store.revision).toBe(before ? revision : revision - 1);
    }
    this.check();
  }

  /** Deletes what has expired, as the expirer does. */
  #expire(): void {
    for (const { key } of this.store.expired(this.time, 100)) {
      expect(this.#commit(remove(key), this.time)).toBe("OK");
    }
    for (const [key, { expireTime }] of this.known) {
      if (expireTime !== 0 && expireTime <= this.time) this.known.delete(key);
    }
    this.check();
  }

  check(store = this.store): void {
    const entries = [...this.known].map(([key, known]) => ({ key, ...known }));
    expect(this.known.size).toBe(store.size);
    for (const entry of entries) expect(store.get(entry.key)).toMatchObject(entry);
    const times = entries.map(({ expireTime }) => expireTime).filter((time) => time !== 0);
    expect(store.expired(Number.MAX_SAFE_INTEGER, 100).map(({ expireTime }) => expireTime)).toEqual(
      times.toSorted((a, b) => a - b),
    );
  }

  #commit(mutation: Mutation, expiredAt?: number): string {
    const batch = new Batch(this.store, noRequests(), defaultLimits, this.time);
    const checks = expiredAt === undefined ? [] : [check(mutation.key, { expiredAt })];
    try {
      batch.evaluate(operation([mutation], ...checks));
    } catch (error) {
      return (error as DuetError).reason;
    }
    for (const [index, transaction] of batch.transactions.entries()) {
      this.store.apply(transaction, batch.entries[index]);
      this.log.push(transaction);
    }
    this.store.publish();
    return "OK";
  }

  /** What a restart makes of the log, compacted at the revision of the snapshot. */
  async expectSameAfterRestart(snapshot?: Snapshot): Promise<void> {
    const logger = new MemoryTransactionLogger();
    await logger.append(0, this.log);
    if (snapshot !== undefined) {
      const { revision: horizon } = snapshot;
      await logger.compact({ ...retaining(horizon), live: (key) => snapshot.get(key) });
    }
    const store = this.#createStore();
    await replay(logger, store, () => {});
    this.check(store);
    expect([store.revision, store.hash, store.bytes]).toEqual([
      this.store.revision,
      this.store.hash,
      this.store.bytes,
    ]);
  }
}

const steps: readonly Step[] = [
  { put: 0 },
  { put: 1000 },
  { touch: 0 },
  { touch: 1000 },
  { touch: 3000 },
  "delete",
  "expire",
];

/** Every sequence of `length` steps. */
function* sequences(length: number): Generator<readonly Step[]> {
  if (length === 0) return yield [];
  for (const rest of sequences(length - 1)) for (const step of steps) yield [...rest, step];
}

test("touch, put, delete and expiry in every order leave the right entry, also after restarts and compactions", async () => {
  let count = 0;
  for (const sequence of sequences(3)) {
    const world = new World(() => new MapStore());
    const snapshots: Snapshot[] = [];
    world.take("key", { put: 1000 });
    for (const step of sequence) {
      world.time += 400;
      world.take("key", step);
      snapshots.push(world.store.snapshot());
    }
    await world.expectSameAfterRestart();
    for (const snapshot of snapshots) await world.expectSameAfterRestart(snapshot);
    count++;
  }
  expect(count).toBe(steps.length ** 3);
});

test.each(stores)(
  `many keys of a %s are touched, put, deleted and expire while clocks are moved (seed ${seed})`,
  async (_name, createStore) => {
    const random = createRandom(seed);
    for (let round = 0; round < rounds; round++) {
      const world = new World(createStore);
      const keys = Array.from({ length: 1 + random.below(20) }, (_, index) => `key ${index}`);
      let snapshot = world.store.snapshot();
      for (let step = 0; step < 200; step++) {
        moveClock(world, random);
        world.take(random.pick(keys), random.pick(steps));
        if (!random.chance(0.05)) continue;
        await world.expectSameAfterRestart(snapshot);
        snapshot.release();
        snapshot = world.store.snapshot();
      }
      await world.expectSameAfterRestart(snapshot);
    }
  },
);

/** Mostly a little forth; now and then far, either way. */
function moveClock(world: World, random: Random): void {
  if (random.chance(0.9)) world.time += random.below(1000);
  else world.time += (random.chance(0.5) ? 1 : -1) * random.below(3_600_000);
}

test("a touch is checked like a put, and finds the key only if it is there", async () => {
  const { committer, store, applied } = startCommitting();
  const reasonOf = (...parameters: Parameters<typeof operation>) =>
    outcomeOf(committer.commit(operation(...parameters)));
  expect(await reasonOf([touch("key", 1000)])).toBe("NO_SUCH_KEY");
  expect(await reasonOf([touch("key", 1000)], check("key", { exists: false }))).toBe("NO_SUCH_KEY");
  expect(await reasonOf([touch("key", 1000)], check("key", { revision: 7 }))).toBe("REVISION_MISMATCH");
  await committer.commit(operation([put("key", "value")]));
  expect(await reasonOf([touch("key", 1000)], check("key", { exists: false }))).toBe("KEY_EXISTS");
  expect(await reasonOf([touch("key", 1000)], check("key", { revision: 1 }))).toBe("OK");
  // The revision that it was checked for is still the entry's.
  expect(await reasonOf([touch("key", 2000)], check("key", { revision: 1 }))).toBe("OK");
  expect(store.revision).toBe(3);
  expect(store.get("key")).toMatchObject({ value: "value", revision: 1, version: 1, expireTime: 1_002_000 });
  expect(applied.at(-1)?.events).toEqual([{ type: "touch", key: "key", expireTime: 1_002_000 }]);
});

test("an outcome has the entry with its new time, and those after it in the batch see that", async () => {
  const { committer, logger } = startCommitting();
  const [, touched, again] = await Promise.all([
    committer.commit(operation([put("key", "value", 1000)])),
    committer.commit(operation([touch("key", 5000)])),
    committer.commit(operation([touch("key", 0)], check("key", { expiredAt: 1_005_000 }))),
  ]);
  expect(logger.appends).toEqual([[1, 2, 3]]);
  expect(touched).toMatchObject({
    revision: 2,
    results: [{ entry: { revision: 1, expireTime: 1_005_000 } }],
  });
  expect(again).toMatchObject({ revision: 3, results: [{ entry: { revision: 1, expireTime: 0 } }] });
});

test("a touch that makes an entry larger needs room in the store; one that renews it does not", async () => {
  const { committer, store } = startCommitting({ storeBytesMax: 400 });
  await committer.commit(operation([put("a", "x".repeat(100))]));
  expect(await outcomeOf(committer.commit(operation([touch("a", 1000)])))).toBe("STORE_FULL");
  await committer.commit(operation([put("a", "", 1000)]));
  const { bytes } = store;
  expect(await outcomeOf(committer.commit(operation([touch("a", 2000)])))).toBe("OK");
  expect(store.bytes).toBe(bytes);
});

test("while the log accepts deletes only, touches are refused", async () => {
  const { committer, logger } = startCommitting();
  await committer.commit(operation([put("a")]));
  logger.deletesOnly = true;
  logger.fault = new Error("no space left");
  await expect(committer.commit(operation([touch("a", 1000)]))).rejects.toThrow("no space left");
  expect(await outcomeOf(committer.commit(operation([remove("a")])))).toBe("OK");
});
