import { describe, it } from "vitest";
import type { NatsNode } from "../support/nats.ts";
import { natsBinary } from "../support/nats-binary.ts";
import { rounds, seed } from "../support/random.ts";
import { NatsReplicas } from "./nats-replicas.ts";

interface Victims {
  readonly leader: NatsNode;
  readonly follower: NatsNode;
  readonly all: NatsReplicas;
}

/** How something fails while the others go on. Resolves with what ends it. */
const failures: Readonly<Record<string, (victims: Victims) => Promise<() => unknown>>> = {
  async "the leader is killed"({ leader }) {
    await leader.kill();
    return () => leader.start();
  },
  async "the leader is paused"({ leader }) {
    leader.pause();
    return () => leader.resume();
  },
  async "a follower is killed"({ follower }) {
    await follower.kill();
    return () => follower.start();
  },
  async "a follower is paused"({ follower }) {
    follower.pause();
    return () => follower.resume();
  },
  async "a replica is killed"({ all }) {
    const replacing = all.replace(all.random.below(3));
    return () => replacing;
  },
  async "a replica is paused"({ all }) {
    const { pid } = all.random.pick(all.processes);
    process.kill(pid, "SIGSTOP");
    return () => process.kill(pid, "SIGCONT");
  },
};

async function victimsOf(all: NatsReplicas): Promise<Victims> {
  const leader = await all.nats.leaderOf("log");
  return { all, leader, follower: all.random.pick(all.nats.nodes.filter((node) => node !== leader)) };
}

describe.skipIf(natsBinary() === undefined)("replicas on three NATS servers lose and double nothing", () => {
  it.each(Object.entries(failures))(`when %s (seed ${seed})`, async (_, fail) => {
    const all = await NatsReplicas.start();
    await all.check(async () => {
      for (let round = 0; round < rounds; round++) {
        await all.progress();
        const repair = await fail(await victimsOf(all));
        await all.progress();
        await repair();
        await all.progress();
      }
    });
  });

  it(`when all servers are killed at once (seed ${seed})`, async () => {
    const all = await NatsReplicas.start();
    await all.check(async () => {
      for (let round = 0; round < rounds; round++) {
        await all.progress();
        await Promise.all(all.nats.nodes.map((node) => node.kill()));
        for (const node of all.nats.nodes) node.start();
        await all.progress();
      }
    });
  });
});
