import { describe, expect, it, onTestFinished } from "vitest";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { isLinearizable } from "../support/linearizability.ts";
import { startNats } from "../support/nats.ts";
import { natsBinary } from "../support/nats-binary.ts";
import { createRandom, rounds, seed } from "../support/random.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { until } from "../support/until.ts";
import { connectTo, startReplicas } from "./cluster.ts";
import { checkWithPorcupine, hasPorcupine } from "./porcupine.ts";
import { storeModel } from "./store-model.ts";
import { Window } from "./window.ts";

const postgres = sharedPostgres();

/** Runs one window after another, each of which must have a linear order. */
class Windows {
  /** Those with more than a few responses. While the log has no leader, calls are refused. */
  count = 0;
  #started = 0;
  readonly #random = createRandom(seed);
  readonly #clients: readonly KeyValueClient[];
  readonly #histories: Window["calls"][] = [];

  constructor(replicas: readonly ServerProcess[]) {
    console.log(`SEED=${seed}`);
    this.#clients = replicas.map((replica) => connectTo(replica));
  }

  async run(isOver: () => boolean): Promise<void> {
    let calls = 0;
    while (!isOver()) {
      const pick = () => this.#random.pick(this.#clients);
      const window = new Window(`window ${this.#started++}`, this.#random, pick);
      await window.run();
      if (!isLinearizable(storeModel, window.calls)) expect(window.calls).toBe("linearizable");
      this.#histories.push(window.calls);
      calls += window.calls.length;
      if (window.calls.length > 20) this.count++;
    }
    console.log(`${this.count} windows with ${calls} calls`);
  }

  /** Checks all of them a second time, by a program of others. */
  async checkAgain(): Promise<void> {
    if (!hasPorcupine) return;
    const verdicts = await checkWithPorcupine(this.#histories);
    expect(verdicts).toEqual(this.#histories.map(() => "Ok"));
    console.log(`Porcupine has checked ${verdicts.length} windows`);
  }

  /** Resolves when some more have run. */
  async progress(): Promise<void> {
    const before = this.count;
    await until(() => this.count > before + 3);
  }
}

describe("calls of clients of three replicas have a linear order", () => {
  it(`on PostgreSQL (seed ${seed})`, async () => {
    const windows = new Windows(await startReplicas(await postgres.createDatabase(), 3));
    await windows.run(() => windows.count >= 50 * rounds);
    await windows.checkAgain();
  });

  it.skipIf(natsBinary() === undefined)(`on NATS, also when leaders are killed (seed ${seed})`, async () => {
    const nats = await startNats(3);
    onTestFinished(() => nats.stop());
    const flags = ["--nats-monitor", nats.monitors.join()];
    const windows = new Windows(await startReplicas(nats.url("log"), 3, flags));
    await windows.run(() => windows.count >= 5 * rounds);
    const state = { isOver: false };
    const killing = (async () => {
      for (let round = 0; round < rounds; round++) {
        const leader = await nats.leaderOf("log");
        await leader.kill();
        await windows.progress();
        leader.start();
        await windows.progress();
      }
    })().finally(() => {
      state.isOver = true;
    });
    await Promise.all([killing, windows.run(() => state.isOver)]);
    await windows.checkAgain();
  });
});
