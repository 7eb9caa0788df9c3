import { expect, onTestFinished } from "vitest";
import { type NatsCluster, type NatsSettings, startNats } from "../support/nats.ts";
import { createRandom, type Random, seed } from "../support/random.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { connectTo, expectSameState, isReady, startReplica } from "./cluster.ts";
import { ReplicaHistory, readTruth, type Writes } from "./replica-history.ts";
import { Clients, type Target, Traffic } from "./traffic.ts";

const keys = Array.from({ length: 12 }, (_, index) => `key ${index}`);
const clientsOfEach = 4;

/** A replica with clients of its own, so that those of the others go on when it is paused. */
interface Member {
  process: ServerProcess;
  clients: Clients;
  /** What a watch from the beginning has received when it has reached the last revision. */
  watched: Promise<ReadonlyMap<bigint, Writes>>;
  isUp: boolean;
}

/** Three replicas on three NATS servers, under traffic of which every response is recorded. */
export class NatsReplicas {
  readonly nats: NatsCluster;
  readonly random: Random = createRandom(seed);
  readonly #urls: readonly string[];
  readonly #history = new ReplicaHistory();
  readonly #members: Member[] = [];
  #last: number | undefined;

  private constructor(nats: NatsCluster, urls: readonly string[]) {
    this.nats = nats;
    this.#urls = urls;
  }

  /** `urlsOf` gives the URL of the log for each replica; by default all connect to the servers directly. */
  static async start(
    urlsOf = async (nats: NatsCluster): Promise<readonly string[]> => [0, 1, 2].map(() => nats.url("log")),
    settings: NatsSettings = {},
  ): Promise<NatsReplicas> {
    console.log(`SEED=${seed}`);
    const nats = await startNats(3, settings);
    onTestFinished(async () => {
      for (const node of nats.nodes) node.resume();
      await nats.stop();
    });
    const all = new NatsReplicas(nats, await urlsOf(nats));
    all.#members.push(...(await Promise.all([0, 1, 2].map((index) => all.#startMember(index)))));
    onTestFinished(() => {
      for (const { clients } of all.#members) clients.close();
    });
    return all;
  }

  get processes(): readonly ServerProcess[] {
    return this.#members.map(({ process }) => process);
  }

  /** Runs traffic until `disturb` has resolved. Then checks every response, each replica's log and each watch. */
  async check(disturb: () => Promise<void>): Promise<void> {
    const history = this.#history;
    const state = { isDone: false };
    const disturbing = disturb().finally(() => {
      state.isDone = true;
    });
    const traffics = this.#members.map((member, index) => {
      const { random } = this;
      const target = () => this.#targetOf(member);
      return new Traffic({ history, random, keys, name: `traffic ${index}`, target });
    });
    const isOver = () => state.isDone && history.operations > 300;
    await Promise.all([disturbing, ...traffics.map((traffic) => traffic.run(clientsOfEach, isOver))]);
    for (const process of this.processes) await until(() => isReady(process));
    const { revision } = await expectSameState(this.processes);
    this.#last = revision;
    // A watch looks for the end when it receives something.
    await connectTo(this.processes[0] as ServerProcess).put({ key: "end", value: "end" });
    const revisions = Array.from({ length: revision }, (_, index) => BigInt(index + 1));
    for (const { process, watched } of this.#members) {
      const truth = await readTruth(connectTo(process), () => revision);
      for (const seen of [truth, await watched] as Map<bigint, Writes>[]) {
        seen.delete(BigInt(revision + 1));
        expect([...seen.keys()]).toEqual(revisions);
        expect(history.problems(seen)).toEqual([]);
      }
    }
    console.log(`${history.operations} operations, ${history.refused} refused, ${history.unknown} unknown`);
  }

  /** Resolves when more writes were acknowledged. */
  async progress(): Promise<void> {
    const before = this.#history.acknowledged;
    await until(() => this.#history.acknowledged > before + 30n);
  }

  /** Kills a replica and starts another one in its place. */
  async replace(index: number): Promise<void> {
    const member = this.#members[index] as Member;
    member.isUp = false;
    await member.process.stop("SIGKILL");
    member.clients.close();
    Object.assign(member, await this.#startMember(index));
  }

  async #startMember(index: number): Promise<Member> {
    const process = await startReplica(this.#urls[index] as string, [
      "--nats-monitor",
      this.nats.monitors.join(),
      "--watch-history-events-max",
      "10000000",
    ]);
    const watched = readTruth(connectTo(process), () => this.#last);
    // A watch of a replica that is killed ends with an error; its successor has another one.
    watched.catch(() => {});
    return { process, clients: new Clients(this.random, [process]), watched, isUp: true };
  }

  #targetOf(member: Member): Target {
    const up = member.isUp ? member : this.#members.find(({ isUp }) => isUp);
    return (up ?? member).clients.pick();
  }
}
