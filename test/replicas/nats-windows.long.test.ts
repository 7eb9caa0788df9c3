import { setTimeout as delay } from "node:timers/promises";
import { describe, it, onTestFinished } from "vitest";
import { findWriter } from "../support/find-writer.ts";
import { type NatsCluster, type NatsNode, startNats } from "../support/nats.ts";
import { natsBinary } from "../support/nats-binary.ts";
import {
  type ClientLinks,
  type Isolation,
  linkClient,
  linkFailures,
  ServerLinks,
} from "../support/nats-links.ts";
import { rounds, seed } from "../support/random.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { isReady, startReplica } from "./cluster.ts";
import { Windows } from "./windows.ts";

/** Longer than the heartbeat of a writer is valid. */
const pauseMs = 5_000;

interface Setting {
  readonly nats: NatsCluster;
  readonly windows: Windows;
  readonly serverLinks: ServerLinks;
  /** Of the first replica to the servers. */
  readonly links: ClientLinks;
  readonly start: (index: number) => Promise<ServerProcess>;
}

/** Each resolves when the failure has passed. */
const failures: Readonly<Record<string, (setting: Setting) => Promise<void>>> = {
  async "the leader is killed"({ nats, windows }) {
    const leader = await nats.leaderOf("log");
    await leader.kill();
    await windows.progress();
    leader.start();
  },
  async "the leader is paused"({ nats, windows }) {
    await pause(await nats.leaderOf("log"), windows);
  },
  async "a follower is paused"({ nats, windows }) {
    const leader = await nats.leaderOf("log");
    await pause(windows.random.pick(nats.nodes.filter((node) => node !== leader)), windows);
  },
  async "all servers are killed at once"({ nats, windows }) {
    await Promise.all(nats.nodes.map((node) => node.kill()));
    for (const node of nats.nodes) node.start();
    await windows.progress();
  },
  async "the writer is killed"({ windows, start }) {
    await windows.replace(await findWriter(windows.replicas), start);
  },
  async "the writer is paused"({ windows }) {
    const writer = await findWriter(windows.replicas);
    windows.ignore(writer);
    process.kill(writer.pid, "SIGSTOP");
    await delay(pauseMs);
    await findWriter(windows.replicas.filter((replica) => replica !== writer));
    await windows.progress();
    process.kill(writer.pid, "SIGCONT");
    windows.heed(writer);
  },
  "the leader hears nothing": (setting) => isolateLeader(setting, "hears nothing"),
  "the leader says nothing": (setting) => isolateLeader(setting, "says nothing"),
  "the network of a replica takes no requests": (setting) => failNetwork(setting, "takes no requests"),
  "the network of a replica returns no responses": (setting) => failNetwork(setting, "returns no responses"),
};

async function pause(node: NatsNode, windows: Windows): Promise<void> {
  node.pause();
  await windows.progress();
  node.resume();
}

async function isolateLeader({ nats, windows, serverLinks }: Setting, how: Isolation): Promise<void> {
  const leader = await nats.leaderOf("log");
  const index = nats.nodes.indexOf(leader);
  serverLinks.isolate(index, how);
  await windows.progress();
  serverLinks.restore(index);
  await nats.healthy();
}

async function failNetwork({ windows, links }: Setting, how: string): Promise<void> {
  const far = windows.replicas[0] as ServerProcess;
  windows.ignore(far);
  for (const link of links.links) linkFailures[how]?.(link);
  await until(async () => !(await isReady(far)));
  await windows.progress();
  for (const link of links.links) link.restore();
  await until(() => isReady(far));
  windows.heed(far);
}

describe.skipIf(natsBinary() === undefined)("calls of clients of three replicas on NATS", () => {
  it(`have a linear order, whatever fails (seed ${seed})`, async () => {
    const serverLinks = new ServerLinks();
    onTestFinished(() => serverLinks.close());
    const nats = await startNats(3, serverLinks);
    onTestFinished(() => nats.stop());
    const links = await linkClient(nats);
    onTestFinished(() => links.close());
    const flags = ["--nats-monitor", nats.monitors.join()];
    const urls = [links.url("log"), nats.url("log"), nats.url("log")];
    const start = (index: number) => startReplica(urls[index] as string, flags);
    const windows = new Windows(await Promise.all(urls.map((_, index) => start(index))));
    const setting: Setting = { nats, windows, serverLinks, links, start };
    const state = { isOver: false };
    const failing = (async () => {
      await windows.progress();
      for (let round = 0; round < rounds; round++) {
        for (const [what, fail] of Object.entries(failures)) {
          console.log(`${what} (${Math.round(performance.now() / 1000)} s)`);
          await fail(setting);
          await windows.progress();
        }
      }
    })().finally(() => {
      state.isOver = true;
    });
    await Promise.all([failing, windows.run(() => state.isOver)]);
    await windows.checkAgain();
  });
});
