import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { silentSink } from "../../../src/transaction-log/log-sink.ts";
import { Durability } from "../../../src/transaction-log/remote/jetstream/durability.ts";
import { JetStreamDriver } from "../../../src/transaction-log/remote/jetstream/jetstream-driver.ts";
import {
  openJetStreamDriver,
  openJetStreamTransactionLogger,
} from "../../../src/transaction-log/remote/jetstream/open.ts";
import { namesOf } from "../../../src/transaction-log/remote/jetstream/streams.ts";
import { type NatsCluster, type NatsSettings, startNats } from "../../support/nats.ts";
import { natsBinary, oldNatsVersion } from "../../support/nats-binary.ts";
import { expectSame } from "../../support/same.ts";
import { until } from "../../support/until.ts";
import { readAll, simple, simples } from "../log-model.ts";

type Options = Parameters<typeof openJetStreamTransactionLogger>[0];
type Log = Awaited<ReturnType<typeof openJetStreamTransactionLogger>>;

const opened: Log[] = [];

afterEach(async () => {
  for (const log of opened.splice(0)) await log.close();
});

async function open(cluster: NatsCluster, name: string, more: Partial<Options> = {}): Promise<Log> {
  const log = await openJetStreamTransactionLogger({
    ...cluster.options(name),
    log: silentSink,
    startWaitMs: 2_000,
    ...more,
  });
  opened.push(log);
  return log;
}

async function expectRefused(opening: Promise<Log>, message: RegExp): Promise<void> {
  await expect(opening).rejects.toMatchObject({
    reason: "LOG_UNAVAILABLE",
    message: expect.stringMatching(message),
  });
}

async function start(settings: NatsSettings): Promise<NatsCluster> {
  const cluster = await startNats(1, settings);
  onTestFinished(() => cluster.stop());
  return cluster;
}

describe.skipIf(natsBinary() === undefined)("a log in JetStream", () => {
  let cluster: NatsCluster;

  beforeAll(async () => {
    cluster = await startNats(1);
  });

  afterAll(async () => {
    await cluster?.stop();
  });

  it("is refused unless it is known that the servers sync", async () => {
    const unknown = { monitors: [] };
    await expectRefused(
      open(cluster, "a", unknown),
      /sync_interval: always.*--nats-monitor.*--nats-assume-synced/,
    );
    await open(cluster, "a", { ...unknown, assumeSynced: true });
  });

  it("is refused when a server does not sync, which is the default", async () => {
    const unsynced = await start({ jetstream: "" });
    await expectRefused(
      open(unsynced, "a"),
      /node1 confirms writes before it has synced.*sync_interval: always/,
    );
    await open(unsynced, "a", { monitors: [], assumeSynced: true });
  });

  it("is refused when no monitor responds, and when one is missing", async () => {
    await expectRefused(open(cluster, "a", { monitors: ["http://127.0.0.1:1"] }), /no URL of --nats-monitor/);
    await expectRefused(open(cluster, "a", { replicas: 3 }), /--nats-monitor has 1 URLs.*3 copies/);
  });

  it("takes no writes any more once a server does not sync", async () => {
    const changing = await start({});
    const log = await open(changing, "a", { monitorMs: 50 });
    await log.append(0, [simple(1)]);
    const fake = await start({ jetstream: "" });
    // The monitor of the same URL reports another server: what a restart with another configuration does.
    const { fetch } = globalThis;
    onTestFinished(() => {
      globalThis.fetch = fetch;
    });
    globalThis.fetch = () => fetch(`${fake.monitors[0]}/varz`);
    await until(() => log.fault !== undefined);
    expect(log.fault?.message).toMatch(/confirms writes before/);
    await expect(log.append(1, [simple(2)])).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
    globalThis.fetch = fetch;
    await until(() => log.fault === undefined);
    await log.append(1, [simple(2)]);
  });

  it("is refused on a server that takes only small messages", async () => {
    await expectRefused(open(await start({ maxPayload: "1MB" }), "a"), /set max_payload: 8388608/);
  });

  it("is refused on one server unless --nats-replicas 1 says so", async () => {
    await expectRefused(
      open(cluster, "few", { replicas: 3, monitors: [], assumeSynced: true }),
      /needs 3 NATS servers.*--nats-replicas 1/,
    );
  });

  it.each([
    ["storage: file", { storage: "memory" as const }],
    ["max_msgs: -1", { max_msgs: 10 }],
    ["allow_rollup_hdrs: true", { allow_rollup_hdrs: false }],
    ["discard: new", { discard: "old" as const }],
    ["subjects: ", { subjects: ["other"] }],
    ["persist_mode: default", { persist_mode: "async" }],
    ["no_ack: false", { no_ack: true }],
    ["no sources", { sources: [{ name: "another" }] }],
    ["no subject_transform", { subject_transform: { src: "foreign.log", dest: "foreign.other" } }],
  ])("is refused in a stream without %s", async (what, config) => {
    const connection = await cluster.connect();
    onTestFinished(() => connection.close());
    const { streams } = await jetstreamManager(connection);
    const good = {
      name: "foreign",
      subjects: ["foreign.log", "foreign.barrier", "foreign.head"],
      allow_direct: true,
      allow_rollup_hdrs: true,
      discard: "new" as const,
    };
    await streams.add({ ...good, ...config });
    onTestFinished(async () => {
      await streams.delete("foreign");
    });
    const mistake = await open(cluster, "foreign").catch((error: unknown) => error);
    expect(mistake).toMatchObject({ reason: "LOG_UNAVAILABLE", message: expect.stringContaining(what) });
  });

  it("says that a connection has ended, which is not made again", async () => {
    const connection = await cluster.connect();
    const manager = await jetstreamManager(connection);
    const driver = new JetStreamDriver({
      connection,
      manager,
      names: namesOf("ended"),
      durability: new Durability({ monitors: [], monitorMs: 0, log: silentSink }),
      servers: 1,
      connectTo: () => cluster.connect(),
      log: silentSink,
    });
    onTestFinished(() => driver.close());
    expect(driver.fault).toBeUndefined();
    await connection.close();
    await until(() => driver.fault !== undefined);
    expect(driver.fault).toMatchObject({
      reason: "LOG_UNAVAILABLE",
      message: expect.stringContaining("restart"),
    });
    await expect(driver.tryAppend(0, Buffer.alloc(1))).rejects.toThrow("not connected");
  });

  it("waits for a server that starts later", async () => {
    const late = await start({});
    await late.nodes[0]?.kill();
    const opening = open(late, "a", { startWaitMs: 60_000, monitors: [], assumeSynced: true });
    late.nodes[0]?.start();
    expect(await (await opening).append(0, [simple(1)])).toEqual({ appended: true });
  });

  it("is refused when it was made anew under a running replica", async () => {
    const log = await open(cluster, "anew");
    await log.append(0, simples(1, 5));
    const connection = await cluster.connect();
    onTestFinished(() => connection.close());
    const { streams } = await jetstreamManager(connection);
    await streams.delete("anew");
    await streams.add(
      (await streams.info("anew_SNAP")).config && {
        name: "anew",
        subjects: ["anew.log", "anew.barrier", "anew.head"],
        allow_direct: true,
        allow_rollup_hdrs: true,
        discard: "new",
      },
    );
    await until(
      () => (log.fault as { reason?: string } | undefined)?.reason === "DATABASE_WENT_BACK_IN_TIME",
    );
    await expect(log.latestSequence()).rejects.toMatchObject({ reason: "DATABASE_WENT_BACK_IN_TIME" });
    expect(await readAll(await open(cluster, "anew"))).toEqual([]);
  });

  it("has the same head in each way of reading a copy", async () => {
    const log = await open(cluster, "head");
    await log.append(0, simples(1, 3));
    const driver = await openJetStreamDriver({ ...cluster.options("head"), log: silentSink });
    onTestFinished(() => driver.close());
    const barrier = await driver.barrier(Buffer.from("barrier"));
    const pages = await Promise.all((["any", "leader", 0] as const).map((copy) => driver.readHead(copy)));
    for (const page of pages) {
      expect(page.barrier?.position).toBeGreaterThanOrEqual(barrier);
      expect(page.head?.position).toBe(pages[0]?.head?.position);
      expect(page.head?.bytes.toString()).toContain(log.id);
    }
  });

  it("keeps a batch that is as large as a batch may be", async () => {
    const log = await open(cluster, "large");
    const value = new Uint8Array(8 * 1024 * 1024 - 64 * 1024).fill(7);
    const large = { ...simple(1), events: [{ ...simple(1).events[0]!, value }] } as ReturnType<typeof simple>;
    expect(await log.append(0, [large])).toEqual({ appended: true });
    expectSame(await readAll(await open(cluster, "large")), [large]);
  });
});

describe.skipIf(natsBinary(oldNatsVersion) === undefined)("an old NATS server", () => {
  it("is refused", async () => {
    const old = await start({ version: oldNatsVersion });
    await expectRefused(open(old, "a"), /node1 has version 2.14.6; upgrade it to 2.15 or later/);
    await expectRefused(
      open(old, "a", { monitors: [], assumeSynced: true }),
      /node1 has version 2.14.6; upgrade/,
    );
  });
});
