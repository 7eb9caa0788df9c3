import { expect, test } from "vitest";
import { Applier } from "../../src/committer/applier.ts";
import { Compactor } from "../../src/committer/background/compactor.ts";
import { LogGarbage } from "../../src/committer/background/log-garbage.ts";
import { Committer } from "../../src/committer/committer.ts";
import type { Mutation, Operation, Outcome } from "../../src/committer/operation.ts";
import { replay } from "../../src/committer/replay.ts";
import { digestOperation } from "../../src/committer/request-digest.ts";
import { RequestIndex } from "../../src/committer/request-index.ts";
import { DuetError } from "../../src/errors.ts";
import { defaultLimits } from "../../src/limits.ts";
import { History } from "../../src/store/history.ts";
import { MapStore } from "../../src/store/map-store.ts";
import { timeOf, toRequestId } from "../../src/transaction-log/codec/request-id.ts";
import type { Transaction } from "../../src/transaction-log/transaction-logger.ts";
import { createRandom, type Random, seed } from "../support/random.ts";
import { uuid7 } from "../support/uuid7.ts";
import { readAll } from "../transaction-log/log-model.ts";
import {
  check,
  contents,
  operation,
  outcomeOf,
  put,
  remove,
  repeatable,
  seen,
  startCommitting,
  touch,
} from "./committing.ts";
import { FakeLogger } from "./fake-logger.ts";

const minute = 60_000;
const windowMs = 10 * minute;

/** A committer over a log that outlives it, with a clock that may be set. */
class World {
  readonly logger = new FakeLogger();
  time = 1_700_000_000_000;
  store = new MapStore();
  requests = new RequestIndex(this.store);
  #committer: Committer | undefined;

  static async open(): Promise<World> {
    const world = new World();
    await world.restart();
    return world;
  }

  /** The clock then begins no earlier than the log ends. */
  async restart(): Promise<void> {
    const { logger } = this;
    const store = new MapStore();
    const requests = new RequestIndex(store);
    await replay(logger, store, (transaction) => requests.applied(transaction));
    const onApplied = (transaction: Transaction) => requests.applied(transaction);
    const applier = new Applier({ store, logger, onApplied, onRun: () => {} });
    const clock = () => this.time;
    this.#committer = new Committer({ store, requests, logger, limits: defaultLimits, clock, applier });
    Object.assign(this, { store, requests });
  }

  commit(each: Operation): Promise<Outcome> {
    return (this.#committer as Committer).commit(each);
  }

  /** As far as possible: as with a history that keeps nothing. */
  async compact(): Promise<void> {
    const { store, requests, logger } = this;
    const history = new History(defaultLimits, store.revision);
    const garbage = new LogGarbage(logger);
    const onError = (error: unknown) => {
      throw error;
    };
    const options = { store, requests, history, garbage, logger, bytesMin: Infinity, onError };
    const compactor = new Compactor(options);
    await compactor.compact();
    compactor.close();
  }

  uuid(): Uint8Array {
    return uuid7(this.time);
  }
}

const kinds: Readonly<Record<string, Operation>> = {
  put: operation([put("a", "1")]),
  "put of bytes": operation([{ ...put("a"), value: new Uint8Array([1, 255]) } as Mutation]),
  "put with a time to live": operation([put("b", "1", 5000)], check("b", { exists: true })),
  touch: operation([touch("b", 60_000)]),
  delete: operation([remove("b")]),
  "delete of nothing": operation([remove("none")]),
  commit: operation(
    [put("c", "1"), remove("b"), remove("none"), put("a", "2")],
    check("b", { exists: true }),
  ),
  "commit of checks alone": operation([], check("b", { exists: true })),
};

test.each(Object.entries(kinds))(
  "a repeated %s has the outcome of the first, whatever happens",
  async (_, kind) => {
    const world = await World.open();
    await world.commit(operation([put("b", "0")]));
    const repeated = repeatable(kind, world.uuid());
    const first = await world.commit(repeated);
    const { hash } = world.store;
    const expectRepeat = async () => {
      const { revision } = world.store;
      expect(seen(await world.commit(repeated))).toEqual(seen(first));
      expect(world.store.revision).toBe(revision);
    };
    await expectRepeat();
    expect([world.store.hash, first.revision]).toEqual([hash, 2]);
    await world.restart();
    await expectRepeat();
    expect(world.store.hash).toBe(hash);
    // Everything that it wrote is overwritten, and compaction drops that.
    world.time += 1000;
    for (const key of ["a", "b", "c"]) {
      await world.commit(operation([put(key, "later")]));
      await world.commit(operation([remove(key)]));
    }
    await expectRepeat();
    await world.compact();
    await expectRepeat();
    await world.restart();
    await expectRepeat();
    await world.compact();
    await world.restart();
    await expectRepeat();
    expect(world.store.size).toBe(0);
  },
);

test("two with the same id in one batch, and while the first is under way, are one", async () => {
  const { committer, logger, store } = startCommitting();
  const increment = repeatable(operation([put("a", "1")]), uuid7(1_000_000));
  const release = logger.hold();
  const together = [committer.commit(increment), committer.commit(increment)];
  await expect.poll(() => logger.appends).toEqual([[1]]);
  const meanwhile = committer.commit(increment);
  release();
  const outcomes = await Promise.all([...together, meanwhile]);
  expect(outcomes.map(seen)).toEqual(Array(3).fill(seen(outcomes[0])));
  expect([logger.appends, store.revision, store.get("a")?.version]).toEqual([[[1]], 1, 1]);
});

test("other content under the same id is refused, in the batch and later, and changes nothing", async () => {
  const { committer, store } = startCommitting();
  const id = uuid7(1_000_000);
  const first = operation([put("a", "1", 5000)], check("a", { exists: false }));
  const others = [
    operation([put("a", "2", 5000)], check("a", { exists: false })),
    operation([put("b", "1", 5000)], check("a", { exists: false })),
    operation([put("a", "1", 6000)], check("a", { exists: false })),
    operation([put("a", "1", 5000)], check("b", { exists: false })),
    operation([put("a", "1", 5000)], check("a", { exists: true })),
    operation([put("a", "1", 5000)], check("a", { revision: 1 })),
    operation([put("a", "1", 5000)]),
    operation([touch("a", 5000)], check("a", { exists: false })),
    operation([remove("a")], check("a", { exists: false })),
    operation([put("a", "1", 5000), remove("b")], check("a", { exists: false })),
  ].map((each) => repeatable(each, id));
  const committed = committer.commit(repeatable(first, id));
  const sameBatch = await Promise.all(others.map((each) => outcomeOf(committer.commit(each))));
  const later = await Promise.all(others.map((each) => outcomeOf(committer.commit(each))));
  await committed;
  expect([...sameBatch, ...later]).toEqual(Array(20).fill("REQUEST_ID_REUSED"));
  expect([contents(store), store.revision]).toEqual([{ a: "1" }, 1]);
});

test("other content than that of a plain put is refused, in the batch, later, after a restart and a compaction", async () => {
  const world = await World.open();
  const id = world.uuid();
  const first = repeatable(operation([put("a", "1")]), id);
  const others = [
    operation([put("a", "2")]),
    operation([put("a", "")]),
    operation([put("b", "1")]),
    operation([put("a1", "")]),
    operation([{ ...put("a"), value: new TextEncoder().encode("1") } as Mutation]),
    operation([put("a", "1", 5000)]),
    operation([put("a", "1")], check("a", { exists: false })),
    operation([put("a", "1"), put("b", "1")]),
    operation([touch("a", 0)]),
    operation([remove("a")]),
    operation([]),
  ].map((each) => repeatable(each, id));
  const expectRefused = async () => {
    const outcomes = await Promise.all(others.map((each) => outcomeOf(world.commit(each))));
    expect(outcomes).toEqual(Array(others.length).fill("REQUEST_ID_REUSED"));
  };
  const committed = world.commit(first);
  await expectRefused();
  const outcome = seen(await committed);
  await expectRefused();
  await world.restart();
  await expectRefused();
  // The next compaction drops its event.
  await world.commit(operation([put("a", "later")]));
  await world.compact();
  await expectRefused();
  await world.restart();
  await expectRefused();
  expect(seen(await world.commit(first))).toEqual(outcome);
  expect([contents(world.store), world.store.revision]).toEqual([{ a: "later" }, 2]);
});

test("a plain put is repeated exactly after its entry was touched and the log compacted", async () => {
  const world = await World.open();
  const repeated = repeatable(operation([put("a", "1")]), world.uuid());
  const first = seen(await world.commit(repeated));
  await world.commit(operation([touch("a", 60_000)]));
  await world.compact();
  expect((await readAll(world.logger)).map(({ request }) => request instanceof Uint8Array)).toEqual([true]);
  await world.restart();
  expect(seen(await world.commit(repeated))).toEqual(first);
  const other = { ...repeated, mutations: [put("a", "2")] };
  expect(await outcomeOf(world.commit(other))).toBe("REQUEST_ID_REUSED");
});

test("of a plain put whose entry is live, the log keeps the id alone across a compaction", async () => {
  const world = await World.open();
  const repeated = repeatable(operation([put("a", "1")]), world.uuid());
  const first = seen(await world.commit(repeated));
  await world.commit(operation([put("b", "1")]));
  await world.compact();
  expect((await readAll(world.logger)).map(({ request }) => request)).toEqual([
    repeated.requestId,
    undefined,
  ]);
  await world.restart();
  expect(seen(await world.commit(repeated))).toEqual(first);
});

test("the digest distinguishes contents with the same text", () => {
  const bytes = (value: string) => new TextEncoder().encode(value);
  const long = "x".repeat(300_000);
  const alike = [
    [put("a", "bc")],
    [put("ab", "c")],
    [put("a", "")],
    [{ ...put("a"), value: bytes("bc") }],
    [put("a", "bc"), put("d", "")],
    [put("a", "bc"), remove("d")],
    [remove("a"), remove("bc")],
    [remove("abc")],
    [put("a", long)],
    [put("a", `${long.slice(1)}y`)],
    [{ ...put("a"), value: bytes(long) }],
  ].map((mutations) => digestOperation([], mutations as never).toString("hex"));
  expect(new Set(alike).size).toBe(alike.length);
  expect(digestOperation([], [put("a", "bc")]).toString("hex")).toBe(alike[0]);
});

test("the digest is the same in every release, since the log keeps it", () => {
  const checks = [
    { key: "a", condition: { revision: 7 } },
    { key: "b", condition: { exists: true } },
    { key: "ü", condition: { exists: false } },
  ];
  const mutations = [
    put("a", "größer", 5000),
    { ...put("b"), value: new Uint8Array([1, 2, 255]) },
    touch("c", 60_000),
    remove("d"),
    put("e", "x".repeat(70_000)),
  ];
  expect(digestOperation(checks, mutations).toString("hex")).toBe("8e9fdae2d6ef9681ff4f2032ef887f89");
});

test("only successes are remembered: a repeat after a failure is evaluated again", async () => {
  const { committer, store, logger } = startCommitting({ storeBytesMax: 600 });
  const guarded = repeatable(operation([put("b", "1")], check("a", { exists: true })), uuid7(1_000_000));
  expect(await outcomeOf(committer.commit(guarded))).toBe("REVISION_MISMATCH");
  await committer.commit(operation([put("a", "x".repeat(100))]));
  const large = repeatable(operation([put("c", "x".repeat(400))]), uuid7(1_000_000));
  expect(await outcomeOf(committer.commit(large))).toBe("STORE_FULL");
  expect((await committer.commit(guarded)).revision).toBe(2);
  await committer.commit(operation([remove("a"), remove("b")]));
  // It succeeded: that its check would fail now does not count.
  expect((await committer.commit(guarded)).revision).toBe(2);
  const unavailable = repeatable(operation([put("d", "1")]), uuid7(1_000_000));
  for (const reason of ["LOG_UNAVAILABLE", "OUTCOME_UNKNOWN"] as const) {
    logger.failNext(new DuetError(reason, "no"));
    expect(await outcomeOf(committer.commit(unavailable))).toBe(reason);
  }
  expect((await committer.commit(unavailable)).revision).toBe(4);
  expect((await committer.commit(unavailable)).revision).toBe(4);
  expect(store.get("d")?.version).toBe(1);
});

test("an id is valid while its time is within 10 minutes of the log's, to the millisecond", async () => {
  const world = await World.open();
  const start = world.time;
  const reasonAt = (age: number) => {
    world.time = start;
    return outcomeOf(world.commit(repeatable(operation([put("a")]), uuid7(start - age))));
  };
  await world.commit(operation([put("a")]));
  expect(await reasonAt(windowMs)).toBe("OK");
  expect(await reasonAt(windowMs + 1)).toBe("REQUEST_ID_EXPIRED");
  expect(await reasonAt(-windowMs)).toBe("OK");
  expect(await reasonAt(-windowMs - 1)).toBe("REQUEST_ID_INVALID");
});

test("a repeat is exact up to the last millisecond, and refused from then on; clocks that go back change nothing", async () => {
  const world = await World.open();
  const start = world.time;
  const repeated = repeatable(operation([put("a")]), uuid7(start));
  const first = await world.commit(repeated);
  world.time = start + windowMs;
  expect(seen(await world.commit(repeated))).toEqual(seen(first));
  world.time = start - minute;
  expect(seen(await world.commit(repeated))).toEqual(seen(first));
  world.time = start + windowMs + 1;
  expect(await outcomeOf(world.commit(repeated))).toBe("REQUEST_ID_EXPIRED");
  // The log has the later time now. A clock that is set back does not bring the id back to life.
  await world.commit(operation([put("b")]));
  world.time = start;
  expect(await outcomeOf(world.commit(repeated))).toBe("REQUEST_ID_EXPIRED");
  await world.restart();
  expect(await outcomeOf(world.commit(repeated))).toBe("REQUEST_ID_EXPIRED");
  expect(world.store.get("a")?.version).toBe(1);
});

test("an id that compaction has dropped stays refused after a restart with a clock that was set back", async () => {
  const world = await World.open();
  const start = world.time;
  const old = repeatable(operation([put("a")]), uuid7(start));
  const first = await world.commit(old);
  world.time += windowMs + minute;
  const newer = repeatable(operation([remove("a")]), world.uuid());
  await world.commit(newer);
  // No entry is left whose time could tell how far the log's time has come.
  world.time += 30 * minute;
  await world.commit(operation([put("b")]));
  await world.commit(operation([remove("b")]));
  await world.compact();
  world.time = start;
  await world.restart();
  expect(world.store.size).toBe(0);
  expect(await outcomeOf(world.commit(old))).toBe("REQUEST_ID_EXPIRED");
  expect(first.revision).toBe(1);
  // That of the newest record is still known.
  expect((await world.commit(newer)).revision).toBe(2);
});

test("requests are forgotten when their ids are no longer valid, and not before", async () => {
  const world = await World.open();
  const start = world.time;
  for (let count = 0; count < 100; count++) {
    world.time = start + count * 1000;
    await world.commit(repeatable(operation([put("a")]), world.uuid()));
  }
  expect(world.requests.size).toBe(100);
  const writeAt = async (time: number) => {
    world.time = time;
    await world.commit(operation([put("b")]));
  };
  await writeAt(start + windowMs);
  expect(world.requests.size).toBe(100);
  await writeAt(start + windowMs + 50_000);
  expect(world.requests.size).toBeGreaterThan(49);
  expect(world.requests.size).toBeLessThan(70);
  await writeAt(start + windowMs + 120_000);
  expect([world.requests.size, world.requests.bytes]).toEqual([0, 0]);
});

test("a clock that was ahead for a moment, without a write, makes no request forgotten", async () => {
  const world = await World.open();
  const start = world.time;
  const repeated = repeatable(operation([put("a")]), world.uuid());
  const first = await world.commit(repeated);
  world.time = start + 60 * minute;
  world.logger.failNext(new DuetError("LOG_UNAVAILABLE", "no"));
  expect(await outcomeOf(world.commit(operation([put("b")])))).toBe("LOG_UNAVAILABLE");
  world.time = start;
  expect(seen(await world.commit(repeated))).toEqual(seen(first));
});

test("ids that are no longer valid leave room for the first write after them", async () => {
  const committing = startCommitting({ requestIdsBytesMax: 1500 });
  const { committer, requests } = committing;
  const write = () => committer.commit(repeatable(operation([put("a")]), uuid7(committing.time)));
  while ((await outcomeOf(write())) === "OK");
  const { size } = requests;
  committing.time += 2 * windowMs;
  expect(await outcomeOf(write())).toBe("OK");
  expect(size).toBeGreaterThan(3);
  expect(requests.size).toBe(1);
});

test("ids have a bound: beyond it those with new ids are refused until others are forgotten", async () => {
  const committing = startCommitting({ requestIdsBytesMax: 1500 });
  const { committer, requests } = committing;
  const start = committing.time;
  const attempts = Array.from({ length: 20 }, () => repeatable(operation([put("a")]), uuid7(start)));
  const outcomes = await Promise.all(attempts.map((each) => outcomeOf(committer.commit(each))));
  const admitted = outcomes.indexOf("RATE_LIMITED");
  expect(admitted).toBeGreaterThan(3);
  expect(outcomes.slice(admitted)).toEqual(Array(20 - admitted).fill("RATE_LIMITED"));
  expect(requests.bytes).toBeLessThanOrEqual(1500);
  // In batches of their own, too.
  for (const each of attempts) await outcomeOf(committer.commit(each));
  expect(requests.bytes).toBeLessThanOrEqual(1500);
  // The oldest are forgotten when their span has ended.
  const refused = await committer.commit(attempts.at(-1) as Operation).catch((error: DuetError) => error);
  const seconds = Number((refused as DuetError).metadata["retry_after_ms"]) / 1000;
  expect([seconds >= windowMs / 1000, seconds <= windowMs / 1000 + 10]).toEqual([true, true]);
  // Repeats and requests without an id go on.
  expect(await outcomeOf(committer.commit(attempts[0] as Operation))).toBe("OK");
  expect(await outcomeOf(committer.commit(operation([put("a")])))).toBe("OK");
  committing.time = start + windowMs + minute;
  const fresh = repeatable(operation([put("a")]), uuid7(committing.time));
  expect(await outcomeOf(committer.commit(fresh))).toBe("OK");
});

test("while the log accepts deletes only, a delete of a missing key is remembered, too", async () => {
  const { committer, logger } = startCommitting();
  logger.deletesOnly = true;
  logger.fault = new DuetError("LOG_UNAVAILABLE", "no space left");
  const repeated = repeatable(operation([remove("none")]), uuid7(1_000_000));
  expect((await committer.commit(repeated)).revision).toBe(1);
  expect((await committer.commit(repeated)).revision).toBe(1);
});

test(`random requests are repeated among restarts, compactions and moved clocks (seed ${seed})`, async () => {
  const random = createRandom(seed);
  for (let round = 0; round < 5; round++) await repeatRandomly(await World.open(), random);
});

interface Known {
  readonly operation: Operation;
  readonly time: number;
  readonly outcome: ReturnType<typeof seen> | undefined;
}

async function repeatRandomly(world: World, random: Random): Promise<void> {
  const known: Known[] = [];
  let repeats = 0;
  for (let step = 0; step < 400; step++) {
    world.time += random.chance(0.05) ? random.below(4 * minute) : random.below(2000);
    if (random.chance(0.03)) await world.compact();
    if (random.chance(0.04)) {
      // The clock of a running service does not go back.
      if (random.chance(0.5)) world.time -= random.below(5 * minute);
      await world.restart();
    }
    const now = Math.max(world.time, world.store.time);
    if (known.length > 0 && random.chance(0.5)) {
      const { operation: repeated, time, outcome } = random.pick(known.slice(-50));
      const { revision } = world.store;
      const result = await world.commit(repeated).then(seen, (error: DuetError) => error.reason);
      if (now - time > windowMs) expect(result).toBe("REQUEST_ID_EXPIRED");
      else expect(result).toEqual(outcome);
      expect(world.store.revision).toBe(revision);
      repeats++;
    } else {
      const id = uuid7(world.time - random.below(minute));
      const each = repeatable(random.pick(Object.values(kinds)), id);
      const outcome = await world.commit(each).then(seen, () => undefined);
      if (outcome) known.push({ operation: each, time: timeOf(toRequestId(id)), outcome });
    }
  }
  expect(repeats).toBeGreaterThan(100);
}
