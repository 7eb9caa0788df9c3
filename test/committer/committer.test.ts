import { setImmediate as turn } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { Batch } from "../../src/committer/batch.ts";
import { DuetError } from "../../src/errors.ts";
import { defaultLimits } from "../../src/limits.ts";
import { entryOverheadBytes } from "../../src/store/entry.ts";
import { MapStore } from "../../src/store/map-store.ts";
import { createRandom, seed } from "../support/random.ts";
import { uuid7 } from "../support/uuid7.ts";
import {
  check,
  contents,
  noRequests,
  operation,
  outcomeOf,
  put,
  remove,
  repeatable,
  startCommitting,
} from "./committing.ts";

test("operations that wait share an append, and each sees those before it", async () => {
  const { committer, logger, store } = startCommitting();
  const outcomes = await Promise.all(
    [
      operation([put("a", "1")], check("a", { exists: false })),
      operation([put("a", "2")], check("a", { exists: false })),
      operation([put("a", "3")], check("a", { revision: 1 })),
      operation([put("a", "4")], check("a", { revision: 1 })),
      operation([remove("a")], check("a", { exists: true })),
      operation([put("a", "5")], check("a", { exists: true })),
      operation([put("a", "6")], check("a", { revision: 2 })),
      operation([put("a", "7")]),
    ].map((each) => outcomeOf(committer.commit(each))),
  );
  expect(outcomes).toEqual([
    "OK",
    "KEY_EXISTS",
    "OK",
    "REVISION_MISMATCH",
    "OK",
    "REVISION_MISMATCH",
    "REVISION_MISMATCH",
    "OK",
  ]);
  expect(logger.appends).toEqual([[1, 2, 3, 4]]);
  expect(store.get("a")).toMatchObject({ value: "7", revision: 4, createRevision: 4, version: 1 });
});

test("the store publishes a batch once, when all of it is applied", async () => {
  const { committer, store } = startCommitting();
  const published: number[] = [];
  vi.spyOn(store, "publish").mockImplementation(() => {
    published.push(store.revision);
  });
  await Promise.all(["a", "b", "c"].map((key) => committer.commit(operation([put(key)]))));
  await committer.commit(operation([put("d")]));
  expect(published).toEqual([3, 4]);
});

test("returns the result of every mutation", async () => {
  const { committer, store } = startCommitting();
  const [created, replaced, nothing, deleted, checked] = await Promise.all([
    committer.commit(operation([put("a", "1"), put("b", "1")])),
    committer.commit(operation([put("a", "2")])),
    committer.commit(operation([remove("none")])),
    committer.commit(operation([remove("b"), remove("none")])),
    committer.commit(operation([], check("a", { revision: 2 }))),
  ]);
  expect(created).toMatchObject({
    revision: 1,
    results: [{ entry: { version: 1 }, deleted: false }, {}],
  });
  expect(replaced).toMatchObject({ revision: 2, results: [{ entry: { createRevision: 1, version: 2 } }] });
  expect(nothing).toMatchObject({ revision: 2, results: [{ entry: undefined, deleted: false }] });
  expect(deleted).toMatchObject({
    revision: 3,
    results: [{ deleted: true }, { deleted: false }],
  });
  expect(checked).toEqual({ revision: 3, results: [] });
  expect(store.revision).toBe(3);
});

test("an error has the index of the failed check and the current revision", async () => {
  const { committer } = startCommitting();
  await committer.commit(operation([put("a")]));
  const failing = committer.commit(
    operation(
      [put("b")],
      check("a", { exists: true }),
      check("b", { exists: false }),
      check("a", { revision: 7 }),
    ),
  );
  await expect(failing).rejects.toMatchObject({
    reason: "REVISION_MISMATCH",
    metadata: { current_revision: "1", check: "2" },
  });
  await expect(committer.commit(operation([], check("b", { exists: true })))).rejects.toMatchObject({
    reason: "REVISION_MISMATCH",
    metadata: { current_revision: "0", check: "0" },
  });
  await expect(committer.commit(operation([], check("a", { exists: false })))).rejects.toMatchObject({
    reason: "KEY_EXISTS",
    metadata: { current_revision: "1", check: "0" },
  });
});

test("every mix of passing and failing checks changes all or nothing", async () => {
  const { committer, store } = startCommitting();
  const conditions = [
    ["there", { exists: true }, true],
    ["there", { exists: false }, false],
    ["there", { revision: 1 }, true],
    ["there", { revision: 2 }, false],
    ["missing", { exists: false }, true],
    ["missing", { exists: true }, false],
    ["missing", { revision: 1 }, false],
  ] as const;
  await committer.commit(operation([put("there"), put("old", "old")]));
  let happened = 0;
  const outcomes: Promise<void>[] = [];
  for (let mix = 0; mix < 2 ** conditions.length; mix++) {
    const chosen = conditions.filter((_, index) => mix & (1 << index));
    const passes = chosen.every(([, , passing]) => passing);
    const checks = chosen.map(([key, condition]) => check(key, condition));
    const mutations = [
      put(`new ${mix}`, "new"),
      put("counter", `${mix}`),
      mix % 2 ? remove("old") : put("old", "old"),
    ];
    const outcome = outcomeOf(committer.commit(operation(mutations, ...checks)));
    outcomes.push(outcome.then((result) => expect(result === "OK", `mix ${mix}`).toBe(passes)));
    if (passes) happened++;
    // Some share a batch, some do not.
    if (mix % 5 === 0) await Promise.all(outcomes);
  }
  await Promise.all(outcomes);
  expect(happened).toBe(8);
  expect(store.revision).toBe(1 + happened);
  // What was to be put together with the counter is there, or not, together with it.
  expect(Object.keys(contents(store)).filter((key) => key.startsWith("new"))).toHaveLength(happened);
  expect(store.get("counter")?.version).toBe(happened);
});

test(`makes what a plain map makes of random operations, without gaps (seed ${seed})`, async () => {
  const random = createRandom(seed);
  const { committer, store, applied, logger } = startCommitting();
  const model = new Map<string, { value: string; revision: number }>();
  let revision = 0;
  const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`);
  const waiting: Promise<void>[] = [];
  for (let count = 0; count < 5000; count++) {
    const chosen = [...new Set(Array.from({ length: 1 + random.below(3) }, () => random.pick(keys)))];
    const mutations = chosen.map((key) => (random.chance(0.3) ? remove(key) : put(key, `${count}`)));
    const checked = random.pick(keys);
    const condition = random.chance(0.5)
      ? { exists: random.chance(0.5) }
      : {
          revision: random.chance(0.7) ? (model.get(checked)?.revision ?? 1) : 1 + random.below(revision + 1),
        };
    const checks = random.chance(0.5) ? [check(checked, condition)] : [];

    const now = model.get(checked)?.revision;
    const holds =
      "revision" in condition ? now === condition.revision : condition.exists === (now !== undefined);
    const happens = checks.length === 0 || holds;
    if (happens && mutations.some(({ type, key }) => type === "put" || model.has(key))) revision++;
    const expected = happens ? revision : undefined;
    if (happens) {
      for (const { type, key } of mutations) {
        if (type === "put") model.set(key, { value: `${count}`, revision });
        else model.delete(key);
      }
    }
    const seen = committer.commit(operation(mutations, ...checks)).then(
      (outcome) => outcome.revision,
      () => undefined,
    );
    waiting.push(seen.then((made) => expect(made).toBe(expected)));
    if (random.chance(0.1)) await Promise.all(waiting);
  }
  await Promise.all(waiting);
  expect(contents(store)).toEqual(Object.fromEntries([...model].map(([key, { value }]) => [key, value])));
  expect(applied.map(({ sequence }) => sequence)).toEqual(
    Array.from({ length: revision }, (_, index) => index + 1),
  );
  expect(logger.appends.length).toBeLessThan(revision);
});

test("one of a thousand who compare and swap wins, each time", async () => {
  const { committer, store } = startCommitting();
  await committer.commit(operation([put("counter", "0")]));
  for (let round = 1; round <= 10; round++) {
    const { revision } = store.get("counter") as { revision: number };
    const races = Array.from({ length: 1000 }, (_, racer) =>
      outcomeOf(committer.commit(operation([put("counter", `${racer}`)], check("counter", { revision })))),
    );
    const outcomes = await Promise.all(races);
    expect(outcomes.filter((outcome) => outcome === "OK")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "REVISION_MISMATCH")).toHaveLength(999);
    expect(store.revision).toBe(1 + round);
  }
});

test("a full store accepts deletes and puts that shrink it, and other puts once there is room", async () => {
  const { committer, store } = startCommitting({ storeBytesMax: 2 * entryOverheadBytes + 600 });
  const commit = (...mutations: Parameters<typeof operation>[0]) =>
    outcomeOf(committer.commit(operation(mutations)));
  expect(await commit(put("a", "x".repeat(300)), put("b", "x".repeat(298)))).toBe("OK");
  expect(store.bytes).toBe(2 * entryOverheadBytes + 600);
  expect(await commit(put("c"))).toBe("STORE_FULL");
  expect(await commit(put("a", "x".repeat(301)))).toBe("STORE_FULL");
  expect(await commit(put("a", "y".repeat(300)))).toBe("OK");
  expect(await commit(put("a", "x".repeat(200)))).toBe("OK");
  expect(await commit(put("b", "x".repeat(398)))).toBe("OK");
  // All or nothing, and what one frees another may take, in one transaction and within one batch.
  expect(await commit(put("a", ""), put("c", "x".repeat(500)))).toBe("STORE_FULL");
  expect(store.get("a")?.value).toBe("x".repeat(200));
  expect(await commit(remove("b"), put("c", "x".repeat(398)))).toBe("OK");
  expect(
    await Promise.all([
      commit(put("d")),
      commit(remove("c")),
      commit(put("d")),
      commit(put("e", "x".repeat(600))),
    ]),
  ).toEqual(["STORE_FULL", "OK", "OK", "STORE_FULL"]);
  expect(Object.keys(contents(store))).toEqual(["a", "d"]);
});

test("refuses operations beyond the queue's limit, and accepts them again when the queue is shorter", async () => {
  const { committer, logger } = startCommitting({ queueBytesMax: 10_000 });
  const release = logger.hold();
  const first = committer.commit(operation([put("a", "x".repeat(9000))]));
  await turn();
  await turn();
  expect(committer.queueBytes).toBeGreaterThan(9000);
  expect(await outcomeOf(committer.commit(operation([put("b", "x".repeat(2000))])))).toBe("OVERLOADED");
  const small = committer.commit(operation([put("c")]));
  release();
  await Promise.all([first, small]);
  expect(committer.queueBytes).toBe(0);
  // One that is larger than the bound is taken when nothing waits.
  await committer.commit(operation([put("b", "x".repeat(20_000))]));
  expect(committer.queueBytes).toBe(0);
});

test("operations without contents are bounded as well", async () => {
  const { committer, logger } = startCommitting({ queueBytesMax: 10_000 });
  const release = logger.hold();
  const outcomes = Array.from({ length: 100 }, () => outcomeOf(committer.commit(operation([remove("x")]))));
  release();
  expect((await Promise.all(outcomes)).filter((outcome) => outcome === "OVERLOADED").length).toBeGreaterThan(
    50,
  );
});

test("long lines are appended in several batches, in order", async () => {
  const { committer, logger, applied } = startCommitting();
  const value = "x".repeat(1024 * 1024);
  await Promise.all(
    Array.from({ length: 20 }, (_, index) => committer.commit(operation([put(`${index}`, value)]))),
  );
  expect(logger.appends.map((sequences) => sequences.length)).toEqual([7, 7, 6]);
  expect(applied.map(({ events }) => events[0]?.key)).toEqual(
    Array.from({ length: 20 }, (_, index) => `${index}`),
  );
});

for (const reason of ["LOG_UNAVAILABLE", "OUTCOME_UNKNOWN"] as const) {
  test(`${reason} reaches all of the batch, and memory stays as it was`, async () => {
    const { committer, logger, store, applied } = startCommitting();
    await committer.commit(operation([put("a", "1")]));
    const before = contents(store);
    logger.failNext(new DuetError(reason, "no"));
    const batch = await Promise.all(
      [
        operation([put("a", "2")]),
        operation([put("b", "1")]),
        operation([remove("a")]),
        // Even these: what they saw was not durable.
        operation([put("c")], check("b", { exists: false })),
        operation([remove("none")]),
      ].map((each) => outcomeOf(committer.commit(each))),
    );
    expect(batch).toEqual(Array(5).fill(reason));
    expect(contents(store)).toEqual(before);
    expect([store.revision, applied.length, committer.queueBytes]).toEqual([1, 1, 0]);
    // The next batch begins where the store is.
    expect(await committer.commit(operation([put("a", "3")], check("a", { revision: 1 })))).toMatchObject({
      revision: 2,
    });
    expect(store.get("a")).toMatchObject({ value: "3", version: 2 });
  });
}

test("a failed batch does not fail operations that arrived meanwhile", async () => {
  const { committer, logger, store } = startCommitting();
  const release = logger.hold();
  logger.failNext(new DuetError("OUTCOME_UNKNOWN", "no"));
  const failed = outcomeOf(committer.commit(operation([put("a", "1")])));
  await turn();
  await turn();
  const next = outcomeOf(committer.commit(operation([put("a", "2")], check("a", { exists: false }))));
  release();
  expect([await failed, await next]).toEqual(["OUTCOME_UNKNOWN", "OK"]);
  expect(store.get("a")?.value).toBe("2");
});

test("no read returns a value that is not durable", async () => {
  const { committer, logger, store } = startCommitting();
  const release = logger.hold();
  const outcome = committer.commit(operation([put("a", "1")]));
  for (let count = 0; count < 5; count++) await turn();
  expect([store.get("a"), store.revision, logger.appends]).toEqual([undefined, 0, [[1]]]);
  release();
  await outcome;
  expect(store.get("a")?.value).toBe("1");
});

test("closing settles all waiting operations and refuses later ones", async () => {
  const { committer, logger } = startCommitting();
  const release = logger.hold();
  const running = outcomeOf(committer.commit(operation([put("a")])));
  await turn();
  await turn();
  const waiting = outcomeOf(committer.commit(operation([put("b")])));
  const closed = committer.close();
  expect(await outcomeOf(committer.commit(operation([put("c")])))).toBe("SHUTTING_DOWN");
  release();
  await closed;
  expect([await running, await waiting]).toEqual(["OK", "OK"]);
  await committer.close();
});

test("the time of the log never goes back", async () => {
  const committing = startCommitting();
  const { committer, applied } = committing;
  for (const time of [1000, 2000, 500, 3000]) {
    committing.time = time;
    await committer.commit(operation([put("a")]));
  }
  expect(applied.map(({ time }) => time)).toEqual([1000, 2000, 2000, 3000]);
});

test("a time to live counts from the write, and another write replaces or clears it", async () => {
  const committing = startCommitting();
  const { committer, store } = committing;
  committing.time = 5000;
  await committer.commit(operation([put("a", "", 1000), put("b")]));
  expect([store.get("a")?.expireTime, store.get("b")?.expireTime]).toEqual([6000, 0]);
  committing.time = 5500;
  await committer.commit(operation([put("a", "", 2000)]));
  expect(store.expired(6000, 10)).toEqual([]);
  expect(store.get("a")?.expireTime).toBe(7500);
  await committer.commit(operation([put("a")]));
  expect(store.get("a")?.expireTime).toBe(0);
  expect(store.expired(Number.MAX_SAFE_INTEGER, 10)).toEqual([]);
});

test("the longest time to live ends at the last time that JSON can express", async () => {
  const { committer, store } = startCommitting();
  await committer.commit(operation([put("a", "", 315_576_000_000_000)]));
  expect(new Date(store.get("a")?.expireTime ?? 0).toISOString()).toBe("9999-12-31T23:59:59.000Z");
});

test("refuses entries beyond the number that a map can take", () => {
  const entriesMax = 2 ** 23;
  const store = Object.assign(Object.create(new MapStore()), {});
  Object.defineProperties(store, {
    size: { value: entriesMax - 1 },
    revision: { value: 0 },
    time: { value: 0 },
    bytes: { value: 0 },
    stored: { value: () => undefined },
  });
  const batch = new Batch(store, noRequests(), defaultLimits, 1);
  batch.evaluate(operation([put("a")]));
  expect(() => batch.evaluate(operation([put("b")]))).toThrow(
    `it holds ${entriesMax} of ${entriesMax} entries`,
  );
  batch.evaluate(operation([remove("a"), put("b")]));
});

test("times to live count from the clock, also when the log has a later time from a clock that was ahead", async () => {
  const committing = startCommitting();
  const { committer, applied } = committing;
  const hour = 3_600_000;
  committing.time += hour;
  await committer.commit(operation([put("a")]));
  committing.time -= hour;
  await committer.commit(operation([put("b", "", 2000)]));
  const [first, second] = applied;
  expect(second?.time).toBe(first?.time);
  expect(second?.events[0]).toMatchObject({ expireTime: committing.time + 2000 });
});

test("while the log accepts deletes only, operations with a put are refused and others are executed", async () => {
  const { committer, logger, store } = startCommitting();
  await committer.commit(operation([put("a"), put("b")]));
  logger.deletesOnly = true;
  logger.fault = new DuetError("LOG_UNAVAILABLE", "no space left");
  const outcomes = await Promise.all([
    outcomeOf(committer.commit(operation([put("c")]))),
    outcomeOf(committer.commit(operation([remove("a")]))),
    outcomeOf(committer.commit(operation([remove("b"), put("d")]))),
    outcomeOf(committer.commit(operation([], check("b", { exists: true })))),
  ]);
  expect(outcomes).toEqual(["LOG_UNAVAILABLE", "OK", "LOG_UNAVAILABLE", "OK"]);
  expect(contents(store)).toEqual({ b: "" });
  logger.deletesOnly = false;
  logger.fault = undefined;
  expect(await outcomeOf(committer.commit(operation([put("c")])))).toBe("OK");
});

test("a queued operation counts the memory of each of its mutations and checks", async () => {
  const { committer, logger } = startCommitting();
  const release = logger.hold();
  const mutations = Array.from({ length: 1000 }, (_, index) => put(`${index}`, "v"));
  const checks = Array.from({ length: 1000 }, (_, index) => check(`c${index}`, { exists: false }));
  const writing = committer.commit(operation(mutations));
  expect(committer.queueBytes).toBeGreaterThan(1000 * 240);
  const before = committer.queueBytes;
  const checking = committer.commit(operation([], ...checks));
  expect(committer.queueBytes - before).toBeGreaterThan(1000 * 64);
  release();
  await Promise.all([writing, checking]);
  expect(committer.queueBytes).toBe(0);
});

test("an operation whose requirement fails when it is evaluated is not written", async () => {
  const committing = startCommitting();
  const { time } = committing;
  const requireBefore = (latest: number) => (now: number) => {
    if (now > latest) throw new DuetError("DEADLINE_EXCEEDED", "");
  };
  const late = committing.committer.commit(operation([put("a")]), undefined, requireBefore(time + 10));
  const inTime = committing.committer.commit(operation([put("b")]), undefined, requireBefore(time + 11));
  committing.time += 11;
  expect(await Promise.all([late, inTime].map(outcomeOf))).toEqual(["DEADLINE_EXCEEDED", "OK"]);
  expect(contents(committing.store)).toEqual({ b: "" });
});

test("no requirement is made of an operation whose request id is remembered", async () => {
  const { committer, time } = startCommitting();
  const request = repeatable(operation([put("a")]), uuid7(time));
  const first = await committer.commit(request);
  const refuse = () => {
    throw new DuetError("DEADLINE_EXCEEDED", "");
  };
  expect(await committer.commit(request, undefined, refuse)).toMatchObject({ revision: first.revision });
  const other = repeatable(operation([put("a")]), uuid7(time));
  expect(await outcomeOf(committer.commit(other, undefined, refuse))).toBe("DEADLINE_EXCEEDED");
});
