import { setImmediate as turn } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { Applier } from "../../src/committer/applier.ts";
import { Committer } from "../../src/committer/committer.ts";
import { openReplayed, replay } from "../../src/committer/replay.ts";
import { RequestIndex } from "../../src/committer/request-index.ts";
import { DuetError } from "../../src/errors.ts";
import { defaultLimits } from "../../src/limits.ts";
import { silentLogger } from "../../src/logging.ts";
import { MapStore } from "../../src/store/map-store.ts";
import { check, operation, outcomeOf, put } from "../committer/committing.ts";
import { SharedFakeLogger } from "./shared-fake-logger.ts";

function startReplica(logger = new SharedFakeLogger(), clock = () => 1000) {
  const store = new MapStore();
  const requests = new RequestIndex(store);
  const applied: number[] = [];
  const applier = new Applier({
    store,
    logger,
    onApplied: (transaction) => {
      requests.applied(transaction);
      applied.push(transaction.sequence);
    },
    onRun: () => {},
  });
  const committer = new Committer({
    store,
    requests,
    logger,
    limits: defaultLimits,
    clock,
    applier,
  });
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const followed = applier.follow(abort.signal).then(
    () => "ended",
    (error: unknown) => (error as DuetError).reason,
  );
  return { store, logger, applier, committer, applied, followed };
}

async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await turn();
}

test("a call without changes completes while other replicas write steadily", async () => {
  const { logger, committer } = startReplica();
  logger.appendAsOther("a");
  // Each query of the newest sequence finds one more.
  logger.onLook = () => logger.appendAsOther("a");
  expect(await outcomeOf(committer.commit(operation([put("b")], check("a", { exists: false }))))).toBe(
    "KEY_EXISTS",
  );
  expect(logger.looks).toBeLessThanOrEqual(2);
});

test("a call without changes sees earlier writes of other replicas", async () => {
  const { logger, committer } = startReplica();
  logger.appendAsOther("a");
  expect(await outcomeOf(committer.commit(operation([], check("a", { exists: true }))))).toBe("OK");
});

test("a write that lost to another replica is evaluated again", async () => {
  const { logger, committer, applied } = startReplica();
  logger.appendAsOther("a");
  const outcomes = [
    outcomeOf(committer.commit(operation([put("a")], check("a", { exists: false })))),
    outcomeOf(committer.commit(operation([put("b")], check("b", { exists: false })))),
  ];
  expect(await Promise.all(outcomes)).toEqual(["KEY_EXISTS", "OK"]);
  expect(applied).toEqual([1, 2]);
});

test("a write that lost to another replica is not written when its requirement fails by then", async () => {
  let now = 1000;
  const { logger, committer, store } = startReplica(new SharedFakeLogger(), () => now);
  logger.beforeAppend = () => {
    // The replica is paused, and meanwhile another one appends.
    logger.beforeAppend = () => {};
    logger.appendAsOther("c");
    now = 2001;
  };
  const requireInTime = (at: number) => {
    if (at > 2000) throw new DuetError("DEADLINE_EXCEEDED", "");
  };
  const late = outcomeOf(committer.commit(operation([put("a")]), undefined, requireInTime));
  const other = outcomeOf(committer.commit(operation([put("b")])));
  expect(await Promise.all([late, other])).toEqual(["DEADLINE_EXCEEDED", "OK"]);
  expect([store.get("a"), store.get("b")?.revision]).toEqual([undefined, 2]);
});

test("a write is evaluated again also when a conflict does not name the end of the log", async () => {
  const { logger, committer, applied } = startReplica();
  logger.conflictLatest = () => undefined;
  for (const key of ["a", "b", "c"]) logger.appendAsOther(key);
  const outcome = outcomeOf(committer.commit(operation([put("a")], check("c", { exists: false }))));
  expect(await outcome).toBe("KEY_EXISTS");
  expect(applied).toEqual([1, 2, 3]);
});

test("a write is not acknowledged when the log ends before the revision of the store", async () => {
  const { logger, committer, store } = startReplica();
  logger.appendHidden("a");
  logger.conflictLatest = () => 0;
  expect(await outcomeOf(committer.commit(operation([put("b")])))).toBe("LOG_UNAVAILABLE");
  expect(store.get("b")).toBeUndefined();
});

test("operations that arrive meanwhile join the retry of a batch", async () => {
  const { logger, committer, store } = startReplica();
  let others: Promise<string>[] = [];
  logger.beforeAppend = () => {
    logger.appendAsOther("a");
    others = ["c", "d"].map((key) => outcomeOf(committer.commit(operation([put(key)]))));
    logger.beforeAppend = () => {};
  };
  const first = outcomeOf(committer.commit(operation([put("b")])));
  expect(await first).toBe("OK");
  expect(await Promise.all(others)).toEqual(["OK", "OK"]);
  expect([logger.appends, store.revision, committer.queueBytes]).toEqual([[1, 3], 4, 0]);
});

test("an operation that joins a batch sees earlier writes of other replicas", async () => {
  const { logger, committer } = startReplica();
  let late: Promise<string> | undefined;
  logger.beforeAppend = () => {
    logger.appendAsOther("a");
    logger.beforeAppend = () => {};
    // The batch has lost and reads the transactions of the winner.
    logger.onConflict = () => {
      logger.onConflict = () => {};
      logger.appendHidden("b");
      late = outcomeOf(committer.commit(operation([], check("b", { exists: true }))));
    };
  };
  // The second evaluation changes nothing.
  const first = outcomeOf(committer.commit(operation([put("x")], check("a", { exists: false }))));
  expect([await first, await late]).toEqual(["KEY_EXISTS", "OK"]);
});

test("a transaction received too early waits for the missing one, also while reads of the log fail", async () => {
  const { logger, applied, followed, store } = startReplica();
  const hidden = logger.appendHidden("a");
  logger.failReads(new DuetError("LOG_UNAVAILABLE", "the database is unreachable"), 2);
  logger.appendAsOther("b");
  await until(() => applied.length === 2);
  expect(applied).toEqual([hidden.sequence, 2]);
  logger.appendAsOther("c");
  await until(() => store.revision === 3);
  expect(await Promise.race([followed, turn("following")])).toBe("following");
});

test("a transaction received before the response to the own append is not read again", async () => {
  const { logger, applied, committer } = startReplica();
  logger.afterAppend = () => logger.appendAsOther("b");
  await committer.commit(operation([put("a")]));
  await until(() => applied.length === 2);
  expect([applied, logger.reads]).toEqual([[1, 2], 0]);
});

test("a damaged log ends following, and refused writes may be retried on another replica", async () => {
  const { logger, committer, followed } = startReplica();
  const damage = new DuetError("LOG_CORRUPT", "the database went back in time");
  logger.appendHidden("a");
  logger.failReads(damage, 1);
  expect(await outcomeOf(committer.commit(operation([put("b")])))).toBe("LOG_UNAVAILABLE");
  logger.fault = damage;
  logger.failReads(new DuetError("LOG_UNAVAILABLE", damage.message), 1_000);
  logger.appendAsOther("c");
  expect(await followed).toBe("LOG_CORRUPT");
});

test("a replay reports the applied sequence to the log", async () => {
  const logger = new SharedFakeLogger();
  logger.appendAsOther("a");
  await replay(logger, new MapStore(), () => {});
  expect(logger.appliedSequence).toBe(1);
});

const unobserved = { applied() {}, close() {} };

test("reads the log again when it was compacted during the read", async () => {
  const logger = new SharedFakeLogger();
  for (const key of ["a", "a", "b"]) logger.appendAsOther(key);
  logger.onRead = () => {
    if (logger.reads === 1) logger.moveHorizon(2);
  };
  const { store } = await openReplayed(logger, silentLogger, () => unobserved);
  expect([logger.reads, store.revision, store.get("a")?.version]).toEqual([2, 3, 1]);
});

test("fails when the log is compacted during every read", async () => {
  const logger = new SharedFakeLogger();
  for (const key of ["a", "b", "c", "d", "e", "f"]) logger.appendAsOther(key);
  logger.onRead = () => logger.moveHorizon(logger.reads);
  const opened = openReplayed(logger, silentLogger, () => unobserved);
  expect(await opened.catch((error: DuetError) => error.reason)).toBe("LOG_UNAVAILABLE");
  expect(logger.reads).toBe(5);
});

test("closes the observer when the log cannot be read", async () => {
  const logger = new SharedFakeLogger();
  logger.failReads(new DuetError("LOG_CORRUPT", "damaged"), 1);
  let closed = 0;
  const observer = { ...unobserved, close: () => closed++ };
  await expect(openReplayed(logger, silentLogger, () => observer)).rejects.toThrow("damaged");
  expect(closed).toBe(1);
});
