import { expect, onTestFinished, test, vi } from "vitest";
import { Expirer } from "../../../src/committer/background/expirer.ts";
import { DuetError } from "../../../src/errors.ts";
import type { Limits } from "../../../src/limits.ts";
import { until } from "../../support/until.ts";
import { check, operation, outcomeOf, put, startCommitting, touch } from "../committing.ts";

function startExpiring(limits: Partial<Limits> = {}) {
  const committing = Object.assign(startCommitting(limits), { trusted: true });
  const errors: unknown[] = [];
  const { store, committer } = committing;
  const expirer = new Expirer({
    store,
    committer,
    clock: () => committing.time,
    trusted: () => committing.trusted,
    onError: (error) => errors.push(error),
  });
  onTestFinished(() => expirer.close());
  return Object.assign(committing, { errors });
}

test("deletes each expired entry at its own revision, and none early", async () => {
  const committing = startExpiring();
  const { committer, store, applied, errors } = committing;
  await committer.commit(operation([put("early", "", 1000), put("late", "", 2000), put("never")]));
  committing.time += 999;
  await committer.commit(operation([put("other")]));
  // Two rounds at least have gone by when a later key is gone.
  committing.time += 1;
  await until(() => expect(store.get("early")).toBeUndefined());
  expect(store.get("late")).toBeDefined();
  committing.time += 5000;
  await until(() => expect(store.get("late")).toBeUndefined());
  expect(store.get("never")).toBeDefined();
  const deletes = applied.flatMap(({ sequence, time, events }) =>
    events.filter(({ type }) => type === "delete").map((event) => ({ sequence, time, event })),
  );
  expect(deletes).toEqual([
    { sequence: 3, time: 1_001_000, event: { type: "delete", key: "early", expired: true } },
    { sequence: 4, time: 1_006_000, event: { type: "delete", key: "late", expired: true } },
  ]);
  expect(errors).toEqual([]);
});

test("leaves an entry that was put again while its delete was waiting", async () => {
  const committing = startExpiring();
  const { committer, store, logger, errors } = committing;
  await committer.commit(operation([put("key", "old", 1000), put("witness", "", 1000)]));
  const release = logger.hold();
  const blocking = committer.commit(operation([put("other")]));
  await until(() => expect(logger.appends).toHaveLength(2));
  const again = committer.commit(operation([put("key", "new")]));
  committing.time += 1000;
  const { queueBytes } = committer;
  await until(() => expect(committer.queueBytes).toBeGreaterThan(queueBytes));
  release();
  await Promise.all([blocking, again]);
  await until(() => expect(store.get("witness")).toBeUndefined());
  expect(store.get("key")?.value).toBe("new");
  expect(errors).toEqual([]);
});

test("leaves an entry that was touched while its delete was waiting, and deletes it when that time is over", async () => {
  const committing = startExpiring();
  const { committer, store, logger, errors } = committing;
  await committer.commit(operation([put("key", "value", 1000), put("witness", "", 1000)]));
  const release = logger.hold();
  const blocking = committer.commit(operation([put("other")]));
  await until(() => expect(logger.appends).toHaveLength(2));
  const touched = committer.commit(operation([touch("key", 5000)]));
  committing.time += 1000;
  const { queueBytes } = committer;
  await until(() => expect(committer.queueBytes).toBeGreaterThan(queueBytes));
  release();
  await Promise.all([blocking, touched]);
  await until(() => expect(store.get("witness")).toBeUndefined());
  expect(store.get("key")).toMatchObject({ revision: 1, version: 1 });
  committing.time += 5000;
  await until(() => expect(store.get("key")).toBeUndefined());
  expect(errors).toEqual([]);
});

test("tries again when the log could not be written", async () => {
  const committing = startExpiring();
  const { committer, store, logger, errors } = committing;
  await committer.commit(operation([put("a", "", 1000), put("b", "", 1000)]));
  logger.failNext(new DuetError("LOG_UNAVAILABLE", "no"));
  logger.failNext(new DuetError("OUTCOME_UNKNOWN", "no"));
  committing.time += 1000;
  await until(() => expect(store.size).toBe(0));
  expect(errors.map((error) => (error as DuetError).reason)).toEqual(["LOG_UNAVAILABLE", "OUTCOME_UNKNOWN"]);
});

test("deletes entries in time while clients fill the queue", async () => {
  const committing = startExpiring({ queueBytesMax: 2000 });
  const { committer, store, logger, errors } = committing;
  await committer.commit(operation([put("lock", "", 1000)]));
  const release = logger.hold();
  const writes = Array.from({ length: 20 }, (_, index) =>
    outcomeOf(committer.commit(operation([put(`${index}`)]))),
  );
  expect(await writes.at(-1)).toBe("OVERLOADED");
  const { queueBytes } = committer;
  committing.time += 1000;
  await until(() => expect(committer.queueBytes).toBeGreaterThan(queueBytes));
  release();
  await Promise.all(writes);
  await until(() => expect(store.get("lock")).toBeUndefined());
  expect(errors).toEqual([]);
});

test("queues no delete again while others of its slice wait", async () => {
  const committing = startExpiring();
  const { committer, store, logger, errors } = committing;
  const keys = Array.from({ length: 100 }, (_, index) => `${index}`);
  await Promise.all(keys.map((key) => committer.commit(operation([put(key, "", 1000)]))));
  const deleting = vi.spyOn(committer, "commitBeyondLimit");
  deleting.mockRejectedValueOnce(new DuetError("LOG_UNAVAILABLE", "no"));
  const release = logger.hold();
  committing.time += 1000;
  await until(() => expect(committer.queueBytes).toBeGreaterThan(0));
  // It looks every 100 ms.
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(deleting).toHaveBeenCalledTimes(100);
  release();
  await until(() => expect(store.size).toBe(0));
  expect([deleting.mock.calls.length, errors.length]).toEqual([101, 1]);
});

test("ten thousand that expire at once let other writes through between them", async () => {
  const committing = startExpiring();
  const { committer, store, applied, logger } = committing;
  const keys = Array.from({ length: 10_000 }, (_, index) => `key ${index}`);
  await Promise.all(keys.map((key) => committer.commit(operation([put(key, "", 1000)]))));
  const { revision } = store;
  committing.time += 1000;
  let writes = 0;
  while (store.size > (writes > 0 ? 1 : 0)) {
    expect(await outcomeOf(committer.commit(operation([put("other", `${writes}`)])))).toBe("OK");
    writes++;
  }
  const expiries = applied.slice(revision).filter(({ events }) => events[0]?.type === "delete");
  expect(new Set(expiries.map(({ sequence }) => sequence)).size).toBe(10_000);
  expect(new Set(expiries.map(({ events }) => events[0]?.key)).size).toBe(10_000);
  // No batch is so long that a write would have to wait for all of them.
  const batches = logger.appends.filter(([first]) => (first as number) > revision);
  expect(Math.max(...batches.map((sequences) => sequences.length))).toBeLessThanOrEqual(501);
  expect(writes).toBeGreaterThan(10);
});

test("an expired entry is there until its delete is durable", async () => {
  const committing = startExpiring();
  const { committer, store, logger } = committing;
  await committer.commit(operation([put("key", "", 1000)]));
  const release = logger.hold();
  committing.time += 1000;
  await until(() => expect(logger.appends).toHaveLength(2));
  expect(store.get("key")).toBeDefined();
  const late = committer.commit(operation([put("key", "again")], check("key", { exists: false })));
  release();
  expect((await late).revision).toBe(3);
});

test("deletes nothing while the clock is not trusted", async () => {
  const committing = startExpiring();
  const { committer, store, applied } = committing;
  await committer.commit(operation([put("key", "", 1000)]));
  committing.trusted = false;
  committing.time += 2000;
  // It looks every 100 ms.
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(applied).toHaveLength(1);
  committing.trusted = true;
  await until(() => expect(store.get("key")).toBeUndefined());
});
