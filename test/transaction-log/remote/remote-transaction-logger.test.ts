import { afterEach, describe, expect, it } from "vitest";
import { readBatchHeader } from "../../../src/transaction-log/codec/batch.ts";
import type { LogSink } from "../../../src/transaction-log/log-sink.ts";
import type { TransactionLogger } from "../../../src/transaction-log/transaction-logger.ts";
import { MemoryLogEngine } from "../../support/memory-log-engine.ts";
import { seed } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { put, readAll, retaining, simple, simples, transaction } from "../log-model.ts";
import { Replica } from "../replica.ts";
import { openLogger } from "./loggers.ts";

const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

type Options = Parameters<typeof openLogger>[1];

async function open(engine: MemoryLogEngine, options: Options = {}): Promise<TransactionLogger> {
  const log = await openLogger(engine, options);
  opened.push(log);
  return log;
}

async function startReplica(engine: MemoryLogEngine, name: string): Promise<Replica> {
  const replica = await Replica.start(await openLogger(engine), name);
  opened.push(replica);
  return replica;
}

function collectWarnings() {
  const warnings: string[] = [];
  const log: LogSink = { info() {}, warn: (_fields, message) => warnings.push(message), error() {} };
  return { warnings, log };
}

describe("a damaged copy", () => {
  it.each(["lost", "flipped"] as const)("gives way to another one: %s", async (how) => {
    const engine = new MemoryLogEngine(seed);
    const writer = await open(engine);
    for (let basis = 0; basis < 20; basis++) await writer.append(basis, [simple(basis + 1)]);
    for (const copy of [1, 2]) engine.damageCopy(copy, engine.batches[10] as number, how);
    const { warnings, log } = collectWarnings();
    const reader = await open(engine, { log });
    for (let round = 0; round < 10; round++) expect(await readAll(reader)).toEqual(simples(1, 20));
    await until(() => warnings.includes("a copy of the log is damaged; reading another one"));
  });

  it("does not hide the newest batch: the leader's copy has it", async () => {
    const engine = new MemoryLogEngine(seed);
    const writer = await open(engine);
    const reader = await open(engine);
    await writer.append(0, [simple(1)]);
    for (const copy of [1, 2]) engine.damageCopy(copy, engine.batches[0] as number, "lost");
    for (let reads = 0; reads < 30; reads++) expect(await reader.latestSequence()).toBe(1);
    expect(await readAll(reader)).toEqual([simple(1)]);
  });

  it("gives way to a follower's copy when it is the leader's", async () => {
    const engine = new MemoryLogEngine(seed);
    const writer = await open(engine);
    for (let basis = 0; basis < 3; basis++) await writer.append(basis, [simple(basis + 1)]);
    for (const copy of [0, 1]) engine.damageCopy(copy, engine.batches[1] as number, "flipped");
    const reader = await open(engine);
    for (let reads = 0; reads < 10; reads++) expect(await readAll(reader)).toEqual(simples(1, 3));
  });

  it("is no reason to stop while a server that may have a whole one does not respond", async () => {
    const engine = new MemoryLogEngine(seed);
    const writer = await open(engine);
    await writer.append(0, [simple(1)]);
    await writer.append(1, [simple(2)]);
    const reader = await open(engine);
    const [, driver] = [...engine.drivers];
    const read = driver!.read.bind(driver);
    driver!.read = async (after, copy) => {
      if (copy === 2) throw new Error("no response from server three");
      return read(after, copy === "any" ? 1 : copy);
    };
    for (const copy of [0, 1]) engine.damageCopy(copy, engine.batches[0] as number, "flipped");
    await expect(readAll(reader)).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
    driver!.read = read;
    expect(await readAll(reader)).toEqual(simples(1, 2));
  });

  it("is LOG_CORRUPT when all have it, and names them", async () => {
    const engine = new MemoryLogEngine(seed);
    const writer = await open(engine);
    for (let basis = 0; basis < 3; basis++) await writer.append(basis, [simple(basis + 1)]);
    for (const copy of [0, 1, 2]) engine.damageCopy(copy, engine.batches[1] as number, "flipped");
    await expect(readAll(await open(engine))).rejects.toMatchObject({
      reason: "LOG_CORRUPT",
      message: expect.stringMatching(/damaged.*one, two and three/),
    });
  });
});

describe("a log that was made anew", () => {
  it("is refused by a replica that has read the old one", async () => {
    const engine = new MemoryLogEngine(seed);
    const replica = await startReplica(engine, "one");
    await replica.write(5);
    engine.makeAnew();
    const wentBack = { reason: "DATABASE_WENT_BACK_IN_TIME" };
    await expect(replica.log.append(5, [simple(6)])).rejects.toMatchObject({ reason: expect.any(String) });
    await until(() => replica.failure !== undefined);
    expect(replica.failure).toMatchObject(wentBack);
    expect(replica.log.fault).toMatchObject(wentBack);
    await expect(replica.log.append(5, [simple(6)])).rejects.toMatchObject(wentBack);
    await expect(replica.log.latestSequence()).rejects.toMatchObject(wentBack);
    const other = await open(engine);
    expect(await readAll(other)).toEqual([]);
  });
});

describe("an append", () => {
  it("is refused at once while nothing can be sent, and works again later", async () => {
    const engine = new MemoryLogEngine(seed);
    const log = await open(engine);
    const [driver] = [...engine.drivers];
    driver!.disconnected = true;
    await expect(log.append(0, [simple(1)])).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
    expect(log.fault).toMatchObject({ reason: "LOG_UNAVAILABLE" });
    await expect(log.latestSequence()).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
    driver!.disconnected = false;
    await until(() => log.fault === undefined);
    expect(await log.append(0, [simple(1)])).toEqual({ appended: true });
  });

  it("succeeds when only its confirmation is lost, and is there once", async () => {
    const engine = new MemoryLogEngine(seed);
    const log = await open(engine, { heartbeatMs: 1_000_000 });
    engine.faults.lostConfirmation = 1;
    const appending = log.append(0, simples(1, 3));
    await until(() => engine.batches.length > 0);
    engine.heal();
    expect(await appending).toEqual({ appended: true });
    expect(await readAll(log)).toEqual(simples(1, 3));
  });

  it("is repeated when one server refuses it wrongly", async () => {
    const engine = new MemoryLogEngine(seed);
    const log = await open(engine);
    engine.faults.wrongRefusal = 1;
    const appending = log.append(0, [simple(1)]);
    const { writes } = engine;
    await until(() => engine.writes > writes + 3);
    engine.heal();
    expect(await appending).toEqual({ appended: true });
  });

  it("never appears after it was refused with LOG_UNAVAILABLE, even if the engine writes it late", async () => {
    const engine = new MemoryLogEngine(seed);
    const log = await open(engine, { outcomeMs: 20 });
    const [driver] = [...engine.drivers];
    const tryAppend = driver!.tryAppend.bind(driver);
    const late: (() => Promise<number | undefined>)[] = [];
    driver!.tryAppend = async (after, bytes) => {
      if (readBatchHeader(bytes).count === 0) return tryAppend(after, bytes);
      late.push(() => tryAppend(after, bytes));
      throw new Error("timeout: the write comes later");
    };
    await expect(log.append(0, [simple(1)])).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
    driver!.tryAppend = tryAppend;
    expect(late.length).toBeGreaterThan(0);
    for (const write of late) expect(await write()).toBeUndefined();
    expect(await readAll(log)).toEqual([]);
    await until(() => log.fault === undefined);
    expect(await log.append(0, [{ ...simple(1), time: 7 }])).toEqual({ appended: true });
    expect(await readAll(log)).toEqual([{ ...simple(1), time: 7 }]);
  });

  it("is OUTCOME_UNKNOWN when no response comes in time", async () => {
    const engine = new MemoryLogEngine(seed);
    const log = await open(engine, { outcomeMs: 50 });
    engine.faults.lostConfirmation = 1;
    await expect(log.append(0, [simple(1)])).rejects.toMatchObject({ reason: "OUTCOME_UNKNOWN" });
    engine.heal();
  });

  it("is refused while the engine may lose what it confirms", async () => {
    const engine = new MemoryLogEngine(seed);
    const log = await open(engine);
    const [driver] = [...engine.drivers];
    driver!.fault = new Error("node two does not sync");
    expect(log.fault?.message).toBe("node two does not sync");
    await expect(log.append(0, [simple(1)])).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
    expect(engine.batches).toEqual([]);
  });

  it("is refused when it is larger than a message", async () => {
    const log = await open(new MemoryLogEngine(seed), { messageBytesMax: 4096 });
    const large = transaction(1, put("key", "x".repeat(4000)));
    await expect(log.append(0, [large])).rejects.toMatchObject({
      reason: "LOG_UNAVAILABLE",
      message: expect.stringContaining("the log takes 3072"),
    });
    expect(await log.append(0, [simple(1)])).toEqual({ appended: true });
  });
});

describe("a server", () => {
  it("is left when it confirms nothing for too long, and so is the next one", async () => {
    const engine = new MemoryLogEngine(seed);
    const log = await open(engine, { moveMs: 20 });
    const [driver] = [...engine.drivers];
    engine.faults.lostConfirmation = 1;
    await until(() => driver!.moves === 2);
    engine.heal();
    await until(() => log.fault === undefined);
    expect(await log.append(0, [simple(1)])).toEqual({ appended: true });
  });

  it("is kept while it confirms, whatever else fails", async () => {
    const engine = new MemoryLogEngine(seed);
    await open(engine, { moveMs: 0, heartbeatMs: 1 });
    const [driver] = [...engine.drivers];
    const { writes } = engine;
    await until(() => engine.writes > writes + 20);
    expect(driver!.moves).toBe(0);
  });
});

it("writes one barrier for all reads that wait", async () => {
  const engine = new MemoryLogEngine(seed);
  const log = await open(engine, { heartbeatMs: 1_000_000 });
  const { writes } = engine;
  await Promise.all(Array.from({ length: 100 }, () => log.latestSequence()));
  expect(engine.writes - writes).toBe(1);
});

it("shows who has the log open, with their state hashes", async () => {
  const engine = new MemoryLogEngine(seed);
  const one = await open(engine);
  const two = await open(engine);
  one.applied(0, () => "hash of one");
  two.applied(0, () => "hash of two");
  await until(() => one.owners?.length === 2 && two.owners?.length === 2);
  const hashes = (log: TransactionLogger) => new Map(log.owners?.map(({ self, hash }) => [self, hash]));
  await until(() => hashes(one).get(false) === "hash of two");
  expect(hashes(one).get(true)).toBe("hash of one");
  expect(Math.abs((one.clock?.now() ?? 0) - Date.now())).toBeLessThan(60_000);
});

describe("a compaction", () => {
  it("waits for a live replica, and not for a dead one", async () => {
    const engine = new MemoryLogEngine(seed);
    const log = await open(engine, { compactionWaitMs: 100, replicaTimeoutMs: 1_000 });
    await log.append(0, simples(1, 20));
    const slow = await open(engine);
    slow.applied(5);
    await until(() => log.owners?.some(({ applied }) => applied === 5) === true);
    await expect(log.compact(retaining(10, simples(1, 20)))).rejects.toMatchObject({
      reason: "LOG_UNAVAILABLE",
      message: expect.stringContaining("has not applied sequence 10"),
    });
    slow.applied(10);
    await log.compact(retaining(10, simples(1, 20)));
    expect(log.horizon).toBe(10);
    // As if its process had ended.
    const [, driver] = [...engine.drivers];
    driver!.disconnected = true;
    await until(async () => {
      await log.compact(retaining(20, simples(1, 20)));
    });
    expect(log.horizon).toBe(20);
  });

  it("of two at the same time loses nothing, and leaves one snapshot", async () => {
    const engine = new MemoryLogEngine(seed);
    const logs = [await open(engine), await open(engine)] as const;
    await logs[0].append(0, simples(1, 50));
    for (const log of logs) log.applied(50);
    const compact = (log: TransactionLogger, horizon: number) =>
      log.compact(retaining(horizon, simples(1, 50)));
    const results = await Promise.allSettled([compact(logs[0], 40), compact(logs[1], 45)]);
    expect(results.some(({ status }) => status === "fulfilled")).toBe(true);
    const reader = await open(engine);
    await compact(reader, 50);
    expect(await readAll(reader)).toEqual(simples(44, 7));
    expect(engine.pieces.size).toBe(1);
  });

  it("survives lost confirmations, and old snapshots do not stay", async () => {
    const engine = new MemoryLogEngine(seed);
    const log = await open(engine, { outcomeMs: 60_000 });
    await log.append(0, simples(1, 100));
    for (let horizon = 10; horizon <= 100; horizon += 10) {
      Object.assign(engine.faults, { lostConfirmation: 0.3, oldCopy: 0.5 });
      // A piece that is not confirmed ends the compaction; what is left goes with the next one.
      await log.compact(retaining(horizon, simples(1, 100))).catch((error: { reason?: string }) => {
        expect(error.reason).toBe("LOG_UNAVAILABLE");
      });
      engine.heal();
      const read = await readAll(await open(engine));
      expect(read.filter(({ sequence }) => sequence > log.horizon)).toEqual(
        simples(log.horizon + 1, 100 - log.horizon),
      );
    }
    await log.append(100, [simple(101)]);
    await log.compact(retaining(101, simples(1, 101)));
    expect(await readAll(await open(engine))).toEqual(simples(95, 7));
    expect(engine.pieces.size).toBe(1);
    expect(engine.batches).toHaveLength(1);
  });

  it("does not stop a replica that has read in another way what it dropped", async () => {
    const engine = new MemoryLogEngine(seed);
    const log = await open(engine);
    const late = await openLogger(engine);
    opened.push(late);
    const driver = [...engine.drivers].at(-1)!;
    const stop = new AbortController();
    const following = late.follow(0, stop.signal);
    const read = driver.read.bind(driver);
    const held = Promise.withResolvers<void>();
    driver.read = async (after, copy) => {
      await held.promise;
      return read(after, copy);
    };
    const next = following.next();
    for (let basis = 0; basis < 10; basis++) await log.append(basis, [simple(basis + 1)]);
    for (const each of [log, late]) each.applied(10);
    await until(() => log.compact(retaining(8, simples(1, 10))));
    driver.read = read;
    held.resolve();
    await log.append(10, [simple(11)]);
    const yielded = [...((await next).value ?? [])];
    while (yielded.at(-1)?.sequence !== 11) yielded.push(...((await following.next()).value ?? []));
    expect(yielded.at(-1)).toEqual(simple(11));
    stop.abort();
    await following.next();
  });

  it("stops a replica that was away for too long with LOG_CORRUPT", async () => {
    const engine = new MemoryLogEngine(seed);
    const log = await open(engine, { replicaTimeoutMs: 100 });
    const replica = await startReplica(engine, "away");
    const driver = [...engine.drivers].at(-1)!;
    await until(() => replica.revision === 0);
    driver.disconnected = true;
    for (let basis = 0; basis < 10; basis++) await log.append(basis, [simple(basis + 1)]);
    await until(async () => {
      await log.compact(retaining(8, simples(1, 10)));
    });
    driver.disconnected = false;
    await until(() => replica.failure !== undefined);
    expect(replica.failure).toMatchObject({
      reason: "LOG_CORRUPT",
      message: expect.stringContaining("restart the replica"),
    });
  });
});
