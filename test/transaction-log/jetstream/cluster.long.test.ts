import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runLogCommand } from "../../../src/transaction-log/log-command.ts";
import { silentSink } from "../../../src/transaction-log/log-sink.ts";
import { openJetStreamTransactionLogger } from "../../../src/transaction-log/remote/jetstream/open.ts";
import type { Transaction } from "../../../src/transaction-log/transaction-logger.ts";
import { type NatsCluster, startNats } from "../../support/nats.ts";
import { natsBinary } from "../../support/nats-binary.ts";
import { createRandom, rounds, seed } from "../../support/random.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { until } from "../../support/until.ts";
import { readAll, retaining } from "../log-model.ts";
import { expectOneHistory, marksOf, Replica } from "../replica.ts";

describe.skipIf(natsBinary() === undefined)(`replicas on three NATS servers (SEED=${seed})`, () => {
  let cluster: NatsCluster;
  const replicas: Replica[] = [];

  beforeEach(async () => {
    cluster = await startNats(3);
    for (const name of ["one", "two", "three"]) replicas.push(await startReplica(name));
  });

  afterEach(async () => {
    for (const node of cluster.nodes) node.resume();
    for (const replica of replicas.splice(0)) await replica.close();
    await cluster.stop();
  });

  async function startReplica(name: string): Promise<Replica> {
    const log = await openJetStreamTransactionLogger({ ...cluster.options("log"), log: silentSink });
    return Replica.start(log, name);
  }

  /** All replicas write until `disturb` has resolved. A write may fail, and then its outcome may be unknown. */
  async function writeDuring(disturb: () => Promise<void>): Promise<void> {
    const state = { done: false };
    const random = createRandom(seed);
    const writing = replicas.map(async (replica) => {
      while (!state.done) {
        await replica.write(1 + random.below(5)).catch((error: { reason?: string }) => {
          expect(error.reason).toBeOneOf(["LOG_UNAVAILABLE", "OUTCOME_UNKNOWN"]);
        });
        await delay(random.below(20));
      }
    });
    await disturb().finally(() => {
      state.done = true;
    });
    await Promise.all(writing);
    await until(() => replicas.every(({ log }) => log.fault === undefined));
  }

  async function expectProgress(): Promise<void> {
    const before = replicas.map(({ acknowledged }) => acknowledged.length);
    await until(() => replicas.some(({ acknowledged }, index) => acknowledged.length > before[index]! + 10));
  }

  const ways = ["kill", "pause"] as const;
  it.each(ways)("lose and double nothing when the leader is stopped: %s", async (way) => {
    await writeDuring(async () => {
      await expectProgress();
      for (let round = 0; round < rounds; round++) {
        const leader = await cluster.leaderOf("log");
        if (way === "kill") await leader.kill();
        else leader.pause();
        await expectProgress();
        if (way === "kill") leader.start();
        else leader.resume();
        await expectProgress();
      }
    });
    await expectOneHistory(replicas);
  });

  it("lose and double nothing when all servers are killed at once", async () => {
    await writeDuring(async () => {
      await expectProgress();
      for (let round = 0; round < rounds; round++) {
        await Promise.all(cluster.nodes.map((node) => node.kill()));
        for (const node of cluster.nodes) node.start();
        await expectProgress();
      }
    });
    await expectOneHistory(replicas);
  });

  it("are not opened with several monitoring URLs of one server", async () => {
    const monitors = cluster.nodes.map(() => cluster.monitors[0] as string);
    const opening = openJetStreamTransactionLogger({ ...cluster.options("log"), monitors, log: silentSink });
    await expect(opening).rejects.toMatchObject({
      reason: "LOG_UNAVAILABLE",
      message: expect.stringMatching(/node\d, node\d has a copy of the log, and --nats-monitor/),
    });
  });

  it("read the whole log although bits of the copy of a follower have flipped", async () => {
    await writeDuring(expectProgress);
    const log = await expectOneHistory(replicas);
    const leader = await cluster.leaderOf("log");
    const victim = cluster.nodes.find((node) => node !== leader)!;
    await victim.stop();
    flipBits(victim.dataDirectory, log);
    victim.start();
    // NATS picks the copy that answers a read. What was flipped is read once a replica has found damage.
    await until(async () => (await readLate(cluster.url("log"), log)).length > 0);
  });

  it("read the whole log after bits of the leader flipped while it was killed", async () => {
    await writeDuring(expectProgress);
    const log = await expectOneHistory(replicas);
    const leader = await cluster.leaderOf("log");
    await leader.kill();
    flipBits(leader.dataDirectory, log);
    leader.start();
    await cluster.healthy();
    await readLate(cluster.url("log"), log);
  });

  it("read again through the leader what a server sends with a bit flipped, and name the copies", async () => {
    await writeDuring(expectProgress);
    const log = await expectOneHistory(replicas);
    const leader = await cluster.leaderOf("log");
    const mark = Buffer.from(replicas[0]!.acknowledged.at(-1)!);
    let flips = 0;
    // The servers have checksums of their own for what is on their disks. What the leader itself reads is in Base64.
    const flip = (chunk: Buffer) => {
      const at = chunk.indexOf(mark);
      if (at < 0) return chunk;
      flips++;
      chunk[at] = (chunk[at] as number) ^ 1;
      return chunk;
    };
    const ports = cluster.nodes.map(({ client }) => Number(client.split(":")[1]));
    const proxies = await Promise.all(ports.map((port) => startTcpProxy(port, flip)));
    const url = `nats://${proxies.map(({ port }) => `127.0.0.1:${port}`).join()}/log`;
    const warnings = await readLate(url, log);
    expect(flips).toBeGreaterThan(0);
    const copies = expect.stringMatching(new RegExp(`^${leader.name}, node\\d, node\\d \\(`));
    expect(warnings).toContainEqual({ copies, what: expect.stringContaining("cannot be decoded") });
    const lines: string[] = [];
    expect(await runLogCommand(["verify", "--log", url], (line) => lines.push(line))).toBe(9);
    const found = `^damaged copy: .*cannot be decoded.*; the copies are on ${leader.name}, node\\d, node\\d \\(`;
    expect(lines).toContainEqual(expect.stringMatching(found));
    expect(lines.at(-1)).toMatch(/^\d+ reads? found a damaged copy/);
    for (const proxy of proxies) await proxy.close();
  });

  /** Opens the log, expects these transactions, and returns the warnings of damaged copies. */
  async function readLate(url: string, expected: readonly Transaction[]): Promise<object[]> {
    const warnings: object[] = [];
    const warn = (facts: object, event: string) => {
      if (event.startsWith("a copy of the log is damaged")) warnings.push(facts);
    };
    const log = { ...silentSink, warn };
    const late = await openJetStreamTransactionLogger({ ...cluster.options("log"), url, log });
    try {
      expect(await readAll(late)).toEqual(expected);
      expect(late.usage.damagedReads).toBe(warnings.length);
      return warnings;
    } finally {
      await late.close();
    }
  }

  it("compact while they write, and a new replica has the same state", async () => {
    await writeDuring(expectProgress);
    const log = await expectOneHistory(replicas);
    const horizon = log.length - 5;
    for (const { log: each } of replicas) each.applied(log.length);
    await replicas[0]!.log.compact(retaining(horizon, log));
    await writeDuring(expectProgress);
    const late = await startReplica("late");
    replicas.push(late);
    await Promise.all(replicas.map((replica) => replica.caughtUp()));
    const isAfter = ({ sequence }: { readonly sequence: number }) => sequence > horizon;
    expect(late.applied.filter(isAfter)).toEqual(replicas[0]!.applied.filter(isAfter));
  });
});

/** Flips a bit in each fourth transaction of the first half of the log of a stopped server. */
function flipBits(dataDirectory: string, log: readonly Transaction[]): void {
  const marks = marksOf(log.slice(0, log.length / 2)).filter((_, index) => index % 4 === 0);
  const directory = join(dataDirectory, "jetstream/$G/streams/log/msgs");
  let flips = 0;
  for (const name of readdirSync(directory).filter((file) => file.endsWith(".blk"))) {
    const path = join(directory, name);
    const bytes = readFileSync(path);
    for (const mark of marks) {
      const at = bytes.indexOf(mark);
      if (at < 0) continue;
      bytes[at] = (bytes[at] as number) ^ 1;
      flips++;
    }
    writeFileSync(path, bytes);
  }
  expect(flips).toBeGreaterThan(0);
}
