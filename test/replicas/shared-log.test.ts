import { setImmediate as turn } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { Applier } from "../../src/committer/applier.ts";
import { loggedBytes } from "../../src/committer/background/compactor.ts";
import { Committer } from "../../src/committer/committer.ts";
import { openReplayed, replay } from "../../src/committer/replay.ts";
import { DuetError } from "../../src/errors.ts";
import { defaultLimits } from "../../src/limits.ts";
import { silentLogger } from "../../src/logging.ts";
import { Store } from "../../src/store/store.ts";
import { check, operation, outcomeOf, put } from "../committer/committing.ts";
import { SharedFakeLogger } from "./shared-fake-logger.ts";

function startReplica(logger = new SharedFakeLogger()) {
  const store = new Store();
  const applied: number[] = [];
  const applier = new Applier({
    store,
    logger,
    onApplied: ({ sequence }) => applied.push(sequence),
    onRun: () => {},
  });
  const committer = new Committer({ store, logger, limits: defaultLimits, clock: () => 1000, applier });
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

test("an answer that changes nothing comes, however fast others write", async () => {
  const { logger, committer } = startReplica();
  logger.appendAsOther("a");
  // Whenever it looks, there is one more.
  logger.onLook = () => logger.appendAsOther("a");
  expect(await outcomeOf(committer.commit(operation([put("b")], check("a", { exists: false }))))).toBe(
    "KEY_EXISTS",
  );
  expect(logger.looks).toBeLessThanOrEqual(2);
});

test("an answer that changes nothing knows what others wrote before it was asked for", async () => {
  const { logger, committer } = startReplica();
  logger.appendAsOther("a");
  expect(await outcomeOf(committer.commit(operation([], check("a", { exists: true }))))).toBe("OK");
});

test("a write that others came before is evaluated again", async () => {
  const { logger, committer, applied } = startReplica();
  logger.appendAsOther("a");
  const outcomes = [
    outcomeOf(committer.commit(operation([put("a")], check("a", { exists: false })))),
    outcomeOf(committer.commit(operation([put("b")], check("b", { exists: false })))),
  ];
  expect(await Promise.all(outcomes)).toEqual(["KEY_EXISTS", "OK"]);
  expect(applied).toEqual([1, 2]);
});

test("a write is evaluated again also when a conflict does not tell where the log ends", async () => {
  const { logger, committer, applied } = startReplica();
  logger.conflictLatest = () => undefined;
  for (const key of ["a", "b", "c"]) logger.appendAsOther(key);
  const outcome = outcomeOf(committer.commit(operation([put("a")], check("c", { exists: false }))));
  expect(await outcome).toBe("KEY_EXISTS");
  expect(applied).toEqual([1, 2, 3]);
});

test("a write is not acknowledged when the log ends before what the store has applied", async () => {
  const { logger, committer, store } = startReplica();
  logger.appendUnheard("a");
  logger.conflictLatest = () => 0;
  expect(await outcomeOf(committer.commit(operation([put("b")])))).toBe("LOG_UNAVAILABLE");
  expect(store.get("b")).toBeUndefined();
});

test("operations that came meanwhile join a batch that has to be tried again", async () => {
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

test("what joins a batch knows what others wrote before it was asked for", async () => {
  const { logger, committer } = startReplica();
  let late: Promise<string> | undefined;
  logger.beforeAppend = () => {
    logger.appendAsOther("a");
    logger.beforeAppend = () => {};
    // The batch has lost, and now only finds out what it has lost to.
    logger.onConflict = () => {
      logger.onConflict = () => {};
      logger.appendUnheard("b");
      late = outcomeOf(committer.commit(operation([], check("b", { exists: true }))));
    };
  };
  // It changes nothing when it is evaluated again.
  const first = outcomeOf(committer.commit(operation([put("x")], check("a", { exists: false }))));
  expect([await first, await late]).toEqual(["KEY_EXISTS", "OK"]);
});

test("what is heard too early waits for what is between, also while the log cannot be read", async () => {
  const { logger, applied, followed, store } = startReplica();
  const hidden = logger.appendUnheard("a");
  logger.failReads(new DuetError("LOG_UNAVAILABLE", "the database is away"), 2);
  logger.appendAsOther("b");
  await until(() => applied.length === 2);
  expect(applied).toEqual([hidden.sequence, 2]);
  logger.appendAsOther("c");
  await until(() => store.revision === 3);
  expect(await Promise.race([followed, turn("following")])).toBe("following");
});

test("what is heard before the own append is answered is not read again", async () => {
  const { logger, applied, committer } = startReplica();
  logger.afterAppend = () => logger.appendAsOther("b");
  await committer.commit(operation([put("a")]));
  await until(() => applied.length === 2);
  expect([applied, logger.reads]).toEqual([[1, 2], 0]);
});

test("a log that is damaged ends the following, and the writes that it fails may be tried elsewhere", async () => {
  const { logger, committer, followed } = startReplica();
  const damage = new DuetError("LOG_CORRUPT", "the database went back in time");
  logger.appendUnheard("a");
  logger.failReads(damage, 1);
  expect(await outcomeOf(committer.commit(operation([put("b")])))).toBe("LOG_UNAVAILABLE");
  logger.fault = damage;
  logger.failReads(new DuetError("LOG_UNAVAILABLE", damage.message), 1_000);
  logger.appendAsOther("c");
  expect(await followed).toBe("LOG_CORRUPT");
});

test("tells the log how far a replay has come", async () => {
  const logger = new SharedFakeLogger();
  logger.appendAsOther("a");
  await replay(logger, new Store(), () => {});
  expect(logger.appliedSequence).toBe(1);
});

const unobserved = { applied() {}, close() {} };

test("reads the log again when it was compacted while it was read", async () => {
  const logger = new SharedFakeLogger();
  for (const key of ["a", "a", "b"]) logger.appendAsOther(key);
  logger.onRead = () => {
    if (logger.reads === 1) logger.moveHorizon(2);
  };
  const { store, bytes } = await openReplayed(logger, silentLogger, () => unobserved);
  expect([logger.reads, store.revision, store.get("a")?.version]).toEqual([2, 3, 1]);
  expect(bytes).toBe(3 * loggedBytes(logger.appendAsOther("c")));
});

test("gives up a log that is compacted whenever it is read", async () => {
  const logger = new SharedFakeLogger();
  for (const key of ["a", "b", "c", "d", "e", "f"]) logger.appendAsOther(key);
  logger.onRead = () => logger.moveHorizon(logger.reads);
  const opened = openReplayed(logger, silentLogger, () => unobserved);
  expect(await opened.catch((error: DuetError) => error.reason)).toBe("LOG_UNAVAILABLE");
  expect(logger.reads).toBe(5);
});
