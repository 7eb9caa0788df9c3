import { expect, test, vi } from "vitest";
import { Freshness, type ReadCall } from "../../src/committer/freshness.ts";

const hour = 3_600_000;

/** A store and a log at the given revisions. */
function start({ revision = 0, latest = 0, shared = true } = {}) {
  const store = { revision };
  let looks = 0;
  const logger = {
    shared,
    latestSequence: () => {
      looks++;
      return Promise.resolve(latest);
    },
  };
  const freshness = new Freshness({ store, logger, waitMs: hour });
  return {
    freshness,
    looks: () => looks,
    apply: (applied: number) => {
      store.revision = applied;
      freshness.applied(applied);
    },
  };
}

function call(timeoutMs?: number, signal = new AbortController().signal): ReadCall {
  return { timeoutMs: () => timeoutMs, signal };
}

const from = (minRevision: number) => ({ minRevision, linearizable: false });
const linearizable = { minRevision: 0, linearizable: true };

test("releases reads whose revision is reached, and keeps the others waiting", async () => {
  const { freshness, apply } = start();
  const passed: number[] = [];
  const waiting = [3, 1, 2].map((revision) =>
    freshness.reach(from(revision), call())?.then(() => passed.push(revision)),
  );
  apply(2);
  await Promise.all([waiting[1], waiting[2]]);
  expect(passed.toSorted((a, b) => a - b)).toEqual([1, 2]);
  apply(3);
  await waiting[0];
  expect(freshness.reach(from(3), call())).toBeUndefined();
});

test("asks the log only for linearizable reads of a log that others write to", async () => {
  const alone = start({ shared: false });
  expect(alone.freshness.reach(linearizable, call())).toBeUndefined();
  const { freshness, looks, apply } = start({ revision: 1, latest: 3 });
  expect(freshness.reach(from(1), call())).toBeUndefined();
  expect([alone.looks(), looks()]).toEqual([0, 0]);
  const read = freshness.reach(linearizable, call());
  apply(2);
  const both = freshness.reach({ minRevision: 3, linearizable: true }, call());
  apply(3);
  await Promise.all([read, both]);
  expect(looks()).toBe(2);
});

test("a drain ends reads that wait for the future, and no others", async () => {
  const { freshness, apply } = start({ revision: 1, latest: 3 });
  const future = freshness.reach(from(9), call());
  const read = freshness.reach(linearizable, call());
  freshness.drain();
  await expect(future).rejects.toMatchObject({ reason: "SHUTTING_DOWN" });
  const later = freshness.reach(linearizable, call());
  apply(3);
  await expect(Promise.all([read, later])).resolves.toBeDefined();
});

test.for([
  ["after the time", 1],
  ["at once when the deadline has passed already", -5],
] as const)("gives up %s", async ([, timeoutMs]) => {
  const waiting = start().freshness.reach(from(1), call(timeoutMs));
  await expect(waiting).rejects.toMatchObject({ reason: "REVISION_NOT_REACHED" });
});

test("waits for longer than a timer can", async () => {
  const { freshness, apply } = start();
  // With more than 2^31 ms a timer of Node fires after 1 ms.
  const waiting = freshness.reach(from(1), call(Math.ceil((2 ** 31 + 5) / 0.9)));
  await new Promise((resolve) => setTimeout(resolve, 50));
  apply(1);
  await expect(waiting).resolves.toBeUndefined();
});

test("looks at no read that waits for a later revision when another one is reached", async () => {
  const { freshness, apply } = start();
  const controller = new AbortController();
  const later = Array.from({ length: 4000 }, () => freshness.reach(from(1e9), call(hour, controller.signal)));
  const next = vi.spyOn(Set.prototype, Symbol.iterator);
  for (let revision = 1; revision <= 1000; revision++) apply(revision);
  const looks = next.mock.calls.length;
  next.mockRestore();
  expect(looks).toBe(0);
  const [soon, gone] = [freshness.reach(from(1001), call()), freshness.reach(from(1002), call(1))];
  apply(1001);
  await soon;
  await expect(gone).rejects.toMatchObject({ reason: "REVISION_NOT_REACHED" });
  controller.abort();
  const outcomes = await Promise.allSettled(later.map(async (each) => each));
  expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(["rejected"]));
});

test("gives up when the caller goes away, and at shutdown, also later", async () => {
  const { freshness } = start();
  const controller = new AbortController();
  const gone = freshness.reach(from(1), call(hour, controller.signal));
  const waiting = freshness.reach(from(1), call());
  controller.abort();
  await expect(gone).rejects.toMatchObject({ reason: "REVISION_NOT_REACHED" });
  freshness.close();
  await expect(waiting).rejects.toMatchObject({ reason: "SHUTTING_DOWN" });
  await expect(freshness.reach(from(1), call())).rejects.toMatchObject({ reason: "SHUTTING_DOWN" });
});
