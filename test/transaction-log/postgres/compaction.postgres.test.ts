import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { PostgresTransactionLogger } from "../../../src/transaction-log/postgres/postgres-transaction-logger.ts";
import type { Transaction } from "../../../src/transaction-log/transaction-logger.ts";
import { startPostgresProxy } from "../../support/postgres-proxy.ts";
import { createRandom, seed } from "../../support/random.ts";
import { sharedPostgres } from "../../support/shared-postgres.ts";
import { until } from "../../support/until.ts";
import { LogModel, put, readAll, replay, retaining, simple, simples, transaction } from "../log-model.ts";
import { drain, expectNothingOpen, openLogger } from "./loggers.ts";

const server = sharedPostgres();
let url: string;
const opened: PostgresTransactionLogger[] = [];

beforeEach(async () => {
  url = await server.createDatabase();
});
afterEach(async () => {
  for (const log of opened.splice(0)) await log.close();
  await expectNothingOpen(server, url);
});

async function open(options: Parameters<typeof openLogger>[1] = {}) {
  const log = await openLogger(url, { heartbeatMs: 20, ...options });
  opened.push(log);
  return log;
}

describe("compaction of a shared log", () => {
  it("waits for every live replica, but not for a closed one", async () => {
    const hasty = await open({ compactionWaitMs: 200 });
    const one = await open({ compactionWaitMs: 60_000 });
    const two = await open();
    await one.append(0, simples(1, 10));
    hasty.applied(10);
    two.applied(9);
    await expect(hasty.compact(retaining(10))).rejects.toThrow(
      "a live replica has not applied sequence 10 after 200 ms",
    );
    await hasty.close();
    expect(one.horizon).toBe(0);
    expect(await readAll(one)).toEqual(simples(1, 10));
    // The database works.
    expect(one.fault).toBeUndefined();
    two.applied(10);
    await one.compact(retaining(10));
    expect(one.horizon).toBe(10);
    await one.append(10, [simple(11)]);
    await two.close();
    await one.compact(retaining(11));
    expect(await readAll(one)).toEqual([]);
  });

  it("passes to another replica when a replica pauses during compaction", async () => {
    const proxy = await startPostgresProxy(server.port);
    onTestFinished(() => proxy.close());
    const one = await open({ replicaTimeoutMs: 500 });
    await one.append(0, simples(1, 10));
    const paused = await openLogger(url.replace(`:${server.port}/`, `:${proxy.port}/`), {
      compactionSilenceMs: 500,
      leavingMs: 100,
      // Only the server can end the session of a process that is paused: this one must not give it up either.
      statementTimeoutMs: 600_000,
    });
    opened.push(paused);
    one.applied(10);
    let reached = false;
    const retention = {
      ...retaining(10),
      live() {
        reached = true;
        proxy.freeze();
        return undefined;
      },
    };
    // On a busy machine the replica may be silent for too long already before that.
    const compactUntilReached = async (): Promise<void> => {
      for (;;) {
        try {
          return await paused.compact(retention);
        } catch (error) {
          if (reached) throw error;
        }
      }
    };
    const compacting = compactUntilReached();
    compacting.catch(() => {});
    await until(() => reached);
    // Once the paused replica counts as dead, compaction does not wait for it either.
    await one.append(10, [simple(11)]);
    await until(async () => {
      await one.compact(retaining(11)).catch(() => {});
      return one.horizon === 11 && (await readAll(one)).length === 0;
    });
    proxy.restore();
    await expect(compacting).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
    expect(await readAll(one)).toEqual([]);
    await paused.close();
    await server.query(url, "DELETE FROM duetkv.replicas");
  });

  it("waits a limited time for replicas that restart repeatedly", async () => {
    const one = await open({ compactionWaitMs: 500 });
    await one.append(0, simples(1, 10));
    const loop = { over: false };
    const crashing = (async () => {
      while (!loop.over) {
        await server.query(
          url,
          "INSERT INTO duetkv.replicas (id, name, applied, seen) VALUES (gen_random_uuid(), 'crashed', -1, now())",
        );
        await delay(50);
      }
    })();
    const starting = await open();
    expect(
      await server.query(url, "SELECT applied::int FROM duetkv.replicas ORDER BY applied LIMIT 1"),
    ).toEqual([{ applied: -1 }]);
    await one.compact(retaining(10));
    expect(one.horizon).toBe(10);
    loop.over = true;
    await crashing;
    await server.query(url, "DELETE FROM duetkv.replicas WHERE name = 'crashed'");
    // The starting replica reads the compacted log.
    expect(await readAll(starting)).toEqual([]);
  });

  it("continues as soon as the last replica has applied the horizon", async () => {
    const one = await open({ compactionWaitMs: 60_000 });
    const two = await open();
    await one.append(0, simples(1, 10));
    const compacting = one.compact(retaining(10, simples(1, 10)));
    await delay(50);
    two.applied(10);
    await compacting;
    expect(one.horizon).toBe(10);
    await until(() => two.horizon === 10);
  });

  it("does not wait for a dead replica, whose reads fail after its return", async () => {
    const one = await open({ replicaTimeoutMs: 100 });
    // One heartbeat, then none: as if the process were stopped.
    const never = 1_000_000;
    const still = { heartbeatMs: never, heartbeatValidMs: never, listen: false, pollMs: never };
    const paused = await open(still);
    const later = await open(still);
    await one.append(0, simples(1, 10));
    for (const log of [paused, later]) {
      expect(await log.latestSequence()).toBe(10);
      log.applied(10);
    }
    await one.append(10, simples(11, 10));
    await one.compact(retaining(20));
    const follow = (log: PostgresTransactionLogger) => drain(log.follow(10, new AbortController().signal));
    await expect(follow(paused)).rejects.toMatchObject({
      reason: "LOG_CORRUPT",
      message: expect.stringContaining("compacted up to 20"),
    });
    expect(paused.fault?.message).toContain("restart the replica");
    await expect(paused.append(10, [simple(11)])).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
    await expect(later.latestSequence()).rejects.toMatchObject({
      reason: "LOG_UNAVAILABLE",
      message: expect.stringContaining("restart the replica"),
    });
    await expect(readAll(one, 10)).rejects.toMatchObject({ reason: "LOG_CORRUPT" });
    // A restart suffices.
    expect(await readAll(await open(), 0)).toEqual([]);
  });

  it("follows from before the horizon only if the owner has applied the horizon", async () => {
    const one = await open();
    await one.append(0, simples(1, 10));
    await one.compact(retaining(10, simples(1, 10)));
    const two = await open();
    two.applied(10);
    const abort = new AbortController();
    const following = drain(two.follow(4, abort.signal));
    await one.append(10, [simple(11)]);
    const seen = [];
    for await (const batch of two.follow(4, abort.signal)) {
      seen.push(...batch);
      abort.abort();
    }
    await following;
    expect(seen).toEqual([simple(11)]);
    const three = await open();
    await expect(drain(three.follow(4, new AbortController().signal))).rejects.toMatchObject({
      reason: "LOG_CORRUPT",
      message: expect.stringContaining("compacted up to 10"),
    });
  });

  it("does not affect a running reader", async () => {
    const one = await open({ pageLimits: { pieces: 2, bytes: 1_000_000 } });
    const model = new LogModel();
    model.transactions.push(
      transaction(1, put("a", "1")),
      transaction(2, put("b", "2")),
      transaction(3, { type: "delete", key: "a", expired: false }),
      transaction(4, put("b", "4")),
      transaction(5, { type: "delete", key: "b", expired: false }),
    );
    for (const each of model.transactions) await one.append(each.sequence - 1, [each]);
    const read = [];
    for await (const batch of one.readTransactions(0)) {
      read.push(...batch);
      if (one.horizon === 0) await one.compact(model.retentionAt(5));
    }
    expect(read).toEqual(model.transactions);
    expect(await readAll(one)).toEqual([]);
  });

  it("ends in the same state on replay when stopped at any step", async () => {
    const one = await open({ pageLimits: { pieces: 3, bytes: 10_000 } });
    const model = new LogModel();
    const random = createRandom(seed);
    const fill = async () => {
      for (let index = 0; index < 10; index++) {
        const batch = model.nextBatch(random, 20);
        await one.append(model.lastSequence, batch);
        model.transactions.push(...batch);
      }
    };
    const sizes = new Set<number>();
    for (let steps = 0; steps < 200; steps += 20) {
      await fill();
      const horizon = model.lastSequence;
      const retention = model.retentionAt(horizon);
      let left = steps;
      await expect(
        one.compact({
          ...retention,
          live(key) {
            if (left-- === 0) throw new Error("stopped");
            return retention.live(key);
          },
        }),
      ).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
      const read = await readAll(one);
      expect(replay(read)).toEqual(model.liveAt(horizon));
      sizes.add(horizon - read.length);
    }
    expect(sizes.size).toBeGreaterThan(5);
    await fill();
    await one.compact(model.retentionAt(model.lastSequence));
    await model.expectIn(one);
  });

  it(`works while replicas start and stop (SEED=${seed})`, async () => {
    const random = createRandom(seed);
    const model = new LogModel();
    const writer = await open({ listen: false });
    const state = { done: false };
    const visitors = Array.from({ length: 2 }, async () => {
      while (!state.done) {
        const log = await openLogger(url, {
          heartbeatMs: 10,
          pollMs: 5,
          pageLimits: { pieces: 7, bytes: 10_000 },
        });
        const live = replay([]);
        let revision = 0;
        const apply = (batch: readonly Transaction[]) => {
          replay(batch, live);
          revision = batch.at(-1)?.sequence ?? revision;
        };
        for await (const batch of log.readTransactions(0)) apply(batch);
        revision = Math.max(revision, log.horizon);
        log.applied(revision);
        const target = revision + 5;
        const abort = new AbortController();
        for await (const batch of log.follow(revision, abort.signal)) {
          expect(batch[0]?.sequence).toBe(revision + 1);
          apply(batch);
          log.applied(revision);
          if (revision >= target || state.done) abort.abort();
        }
        expect(live).toEqual(model.liveAt(revision));
        await log.close();
      }
    });
    for (let step = 0; step < 150; step++) {
      const batch = model.nextBatch(random, 3);
      // Before the append, so that every transaction a reader sees is in the model.
      const basis = model.lastSequence;
      model.transactions.push(...batch);
      await writer.append(basis, batch);
      if (step % 10 === 9) await writer.compact(model.retentionAt(model.lastSequence - random.below(8)));
    }
    state.done = true;
    const finish = { over: false };
    const visiting = Promise.all(visitors).finally(() => {
      finish.over = true;
    });
    while (!finish.over) {
      const basis = model.lastSequence;
      const batch = model.nextBatch(random, 1);
      model.transactions.push(...batch);
      await writer.append(basis, batch);
      await delay(5);
    }
    await visiting;
    await model.expectIn(writer);
  });

  it("deletes old batches, voided appends and dead replicas", async () => {
    const one = await open();
    for (let sequence = 1; sequence <= 20; sequence++) await one.append(sequence - 1, [simple(sequence)]);
    await server.query(
      url,
      "INSERT INTO duetkv.batches (id, written) VALUES (gen_random_uuid(), now() - interval '8 days')",
    );
    await server.query(url, "INSERT INTO duetkv.batches (id) VALUES (gen_random_uuid())");
    await server.query(
      url,
      "INSERT INTO duetkv.replicas VALUES (gen_random_uuid(), 'old', 0, now() - interval '2 days')",
    );
    await one.compact(retaining(20, simples(1, 20)));
    expect(await server.query(url, "SELECT last::int FROM duetkv.batches ORDER BY last")).toEqual([
      { last: 20 },
      { last: null },
    ]);
    expect(await server.query(url, "SELECT name FROM duetkv.replicas WHERE name = 'old'")).toEqual([]);
    await one.append(20, [simple(21)]);
  });
});
