import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PostgresTransactionLogger } from "../../../src/transaction-log/postgres/postgres-transaction-logger.ts";
import { type CutMode, type PostgresProxy, startPostgresProxy } from "../../support/postgres-proxy.ts";
import { sharedPostgres } from "../../support/shared-postgres.ts";
import { until } from "../../support/until.ts";
import { readAll, retaining, simple, simples } from "../log-model.ts";
import { drain, expectNothingOpen, openLogger } from "./loggers.ts";

const server = sharedPostgres();
let proxy: PostgresProxy;
/** URLs of a new database, direct and through the proxy. */
let url: string;
let proxied: string;
const opened: PostgresTransactionLogger[] = [];

beforeEach(async () => {
  proxy = await startPostgresProxy(server.port);
  url = await server.createDatabase();
  proxied = url.replace(`:${server.port}/`, `:${proxy.port}/`);
});
afterEach(async () => {
  proxy.restore();
  await proxy.settled();
  for (const log of opened.splice(0)) await log.close();
  await proxy.close();
  await expectNothingOpen(server, url);
});

async function open(options: Parameters<typeof openLogger>[1] = {}) {
  // Without heartbeats the proxy cuts only appends.
  const quiet = { listen: false, heartbeatMs: 1_000_000, heartbeatValidMs: 1_000_000 };
  const log = await openLogger(proxied, { ...quiet, ...options });
  opened.push(log);
  return log;
}

/** The log in the database, and its number of batches. */
async function inDatabase() {
  const reader = await openLogger(url);
  try {
    const [row] = await server.query(
      url,
      "SELECT count(*)::int AS batches FROM duetkv.batches WHERE basis >= 0",
    );
    return { log: await readAll(reader), batches: row?.["batches"] };
  } finally {
    await reader.close();
  }
}

describe("an append whose connection is cut", () => {
  const cases: readonly (readonly [string, boolean, CutMode])[] = [
    ["for the first time on a connection, lost", false, "lost"],
    ["for the first time on a connection, delivered late", false, "late"],
    ["on a connection that has appended before, lost", true, "lost"],
    ["on a connection that has appended before, delivered late", true, "late"],
  ];
  it.each(cases)("happens exactly once, whichever message is the last: %s", async (_, warm, mode) => {
    let log = await open();
    let sequence = 0;
    const next = async () => {
      await log.append(sequence, [simple(sequence + 1)]);
      sequence++;
    };
    if (warm) await next();
    let cuts = 0;
    for (let after = 0; ; after++) {
      proxy.cutAt("duetkv-append", after, mode);
      await next();
      if (!proxy.wasCut) break;
      cuts++;
      await proxy.settled();
      expect(await log.latestSequence()).toBe(sequence);
      if (!warm) {
        await log.close();
        log = await open();
      } else {
        await next();
      }
    }
    // Parse, Bind, Describe, Execute, Sync and their responses; Parse only once for each connection.
    expect(cuts).toBeGreaterThanOrEqual(warm ? 8 : 10);
    const { log: written, batches } = await inDatabase();
    expect(written).toEqual(simples(1, sequence));
    expect(batches).toBe(sequence);
  });

  it.each([
    ["that ends with it", "duetkv-append-last"],
    ["that may go on", "duetkv-append"],
  ])("with the lease %s happens exactly once, whichever message is the last", async (_, statement) => {
    const log = await open();
    const other = await openLogger(url, { listen: false });
    opened.push(other);
    let sequence = 0;
    let cuts = 0;
    const next = async (by: PostgresTransactionLogger) => by.append(sequence, [simple(++sequence)]);
    for (let after = 0; ; after++) {
      await next(other);
      for (let conflicts = 0; conflicts < 2; conflicts++) {
        expect(await log.append(sequence - 1, [simple(sequence)])).toEqual({
          appended: false,
          latest: sequence,
        });
      }
      proxy.cutAt(statement, after, after % 2 === 0 ? "late" : "lost");
      await next(log);
      if (!proxy.wasCut) break;
      cuts++;
      await proxy.settled();
      await other.latestSequence();
      // After an append without a conflict the next lease is a short one.
      if (statement === "duetkv-append-last") await next(log);
    }
    expect(proxy.count(statement)).toBeGreaterThan(0);
    expect(cuts).toBeGreaterThanOrEqual(8);
    const { log: written, batches } = await inDatabase();
    expect(written).toEqual(simples(1, sequence));
    expect(batches).toBe(sequence);
  });

  it("conflicts when another writer appends in its place before it is delivered", async () => {
    const log = await open();
    const other = await openLogger(url);
    opened.push(other);
    await log.append(0, [simple(1)]);
    // The cut is before the first message, so the other writer appends before the second attempt.
    proxy.cutAt("duetkv-append", 0, "late");
    const appending = log.append(1, [simple(2)]);
    await other.latestSequence();
    const others = other.append(1, [{ ...simple(2), time: 7 }]);
    const outcomes = [await appending, await others];
    expect(outcomes.filter(({ appended }) => appended)).toHaveLength(1);
    expect(outcomes).toContainEqual({ appended: false, latest: 2 });
    await proxy.settled();
    const { log: written, batches } = await inDatabase();
    expect(written).toEqual([
      simple(1),
      { ...simple(2), time: (await others).appended ? 7 : simple(2).time },
    ]);
    expect(batches).toBe(2);
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])(
    "is unknown when the database stays unreachable after %i messages, and the logger recovers",
    async (after) => {
      const log = await open({ outcomeMs: 300, heartbeatMs: 50 });
      await log.append(0, [simple(1)]);
      proxy.cutAt("duetkv-append", after, "lost", { refuse: true });
      const appending = log.append(1, simples(2, 3));
      appending.catch(() => {});
      await Promise.race([until(() => proxy.wasCut), appending.catch(() => {})]);
      if (!proxy.wasCut) return;
      await expect(appending).rejects.toMatchObject({ reason: "OUTCOME_UNKNOWN" });
      expect(log.fault).toMatchObject({ reason: "LOG_UNAVAILABLE" });
      await expect(log.latestSequence()).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
      proxy.restore();
      await until(() => log.fault === undefined);
      // Whole or not at all.
      const latest = await log.latestSequence();
      expect([1, 4]).toContain(latest);
      await log.append(latest, [simple(latest + 1)]);
      expect((await inDatabase()).log).toEqual(simples(1, latest + 1));
    },
  );
});

describe("an append while the process stops", () => {
  it.each(["before", "after"] as const)("ends soon when it was sent %s the stop", async (when) => {
    const stopping = new AbortController();
    const log = await open({ stopping: stopping.signal, stoppingMs: 100 });
    await log.append(0, [simple(1)]);
    if (when === "after") stopping.abort();
    // While the database responds, stopping changes nothing.
    await log.append(1, [simple(2)]);
    proxy.freeze();
    const appending = log.append(2, [simple(3)]);
    stopping.abort();
    await expect(appending).rejects.toMatchObject({ reason: "OUTCOME_UNKNOWN" });
    proxy.restore();
    await expect(log.append(2, [simple(3)])).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
    await log.close();
    await server.query(url, "DELETE FROM duetkv.replicas");
    await proxy.settled();
    expect(simples(1, 3).slice(0, 2)).toEqual((await inDatabase()).log.slice(0, 2));
  });

  it("is unavailable when nothing was sent", async () => {
    const stopping = new AbortController();
    const log = await open({ stopping: stopping.signal, stoppingMs: 100, leavingMs: 100 });
    proxy.freeze();
    stopping.abort();
    // The basis is beyond the known end of the log, so a query of the end precedes the append.
    await expect(log.append(5, [simple(6)])).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
    await log.close();
    proxy.restore();
    await server.query(url, "DELETE FROM duetkv.replicas");
  });

  it("is not sent any more once it was refused", async () => {
    const stopping = new AbortController();
    const log = await open({ stopping: stopping.signal, stoppingMs: 100 });
    const other = await openLogger(url);
    opened.push(other);
    await other.append(0, simples(1, 5));
    proxy.freeze();
    stopping.abort();
    await expect(log.append(5, [simple(6)])).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
    // Now it learns that the log does end there.
    proxy.restore();
    for (let reads = 0; reads < 5; reads++) expect(await log.latestSequence()).toBe(5);
    expect(proxy.count("duetkv-append")).toBe(0);
    expect((await inDatabase()).log).toEqual(simples(1, 5));
  });
});

describe("an unreachable database", () => {
  it("makes appends unavailable at once, sets the fault, and is used again after its return", async () => {
    const log = await open({ heartbeatMs: 20 });
    await log.append(0, [simple(1)]);
    proxy.refuse();
    await until(() => log.fault !== undefined);
    await expect(log.append(1, [simple(2)])).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
    await expect(readAll(log)).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
    await expect(log.compact(retaining(1, simples(1, 1)))).rejects.toMatchObject({
      reason: "LOG_UNAVAILABLE",
    });
    proxy.restore();
    await until(() => log.fault === undefined);
    await log.append(1, [simple(2)]);
    expect(await readAll(log)).toEqual(simples(1, 2));
  });

  it("serves linearizable reads as soon as an append has succeeded", async () => {
    const log = await open({ heartbeatMs: 20, heartbeatValidMs: 5_000 });
    await log.append(0, [simple(1)]);
    proxy.refuse();
    await until(() => log.fault !== undefined);
    // Long enough for a backoff of about a second.
    await delay(3_000);
    proxy.restore();
    expect(await log.append(1, [simple(2)])).toEqual({ appended: true });
    expect(await log.latestSequence()).toBe(2);
  });

  it("is detected when it hangs", async () => {
    // The server counts as hung 2 seconds after its own limit.
    const log = await open({ heartbeatMs: 20, statementTimeoutMs: 2_000, outcomeMs: 100 });
    await log.append(0, [simple(1)]);
    proxy.freeze();
    await expect(log.append(1, [simple(2)])).rejects.toMatchObject({ reason: "OUTCOME_UNKNOWN" });
    await until(() => log.fault !== undefined);
    proxy.restore();
    await until(() => log.fault === undefined);
    const other = await openLogger(url);
    opened.push(other);
    const latest = await other.latestSequence();
    expect(await other.append(latest, [simple(latest + 1)])).toEqual({ appended: true });
  });

  it("does not prevent a close", async () => {
    const log = await open({ leavingMs: 100 });
    const abort = new AbortController();
    const following = drain(log.follow(0, abort.signal));
    const reading = log.readTransactions(0)[Symbol.asyncIterator]();
    await log.append(0, simples(1, 10));
    proxy.freeze();
    const waiting = log.latestSequence();
    waiting.catch(() => {});
    await log.close();
    await following;
    await reading.return?.(undefined);
    await expect(waiting).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
    proxy.restore();
    await server.query(url, "DELETE FROM duetkv.replicas");
  });
});

describe("the newest sequence", () => {
  it("is queried once for all waiting callers, and never before their calls", async () => {
    const log = await open();
    await log.latestSequence();
    const before = proxy.count("duetkv-header");
    await Promise.all(Array.from({ length: 100 }, () => log.latestSequence()));
    expect(proxy.count("duetkv-header") - before).toBe(1);
    const other = await openLogger(url);
    opened.push(other);
    // A call does not use the result of a query sent before it.
    for (let sequence = 1; sequence <= 50; sequence++) {
      const early = log.latestSequence();
      await other.append(sequence - 1, [simple(sequence)]);
      expect(await log.latestSequence()).toBe(sequence);
      expect([sequence - 1, sequence]).toContain(await early);
    }
  });
});
