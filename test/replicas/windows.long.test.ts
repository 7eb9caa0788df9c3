import { describe, expect, it } from "vitest";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { isLinearizable } from "../support/linearizability.ts";
import { createRandom, rounds, seed } from "../support/random.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { connectTo, startReplicas } from "./cluster.ts";
import { storeModel } from "./store-model.ts";
import { Window } from "./window.ts";

const postgres = sharedPostgres();

/** Runs one window after another, each of which must have a linear order. */
class Windows {
  count = 0;
  readonly #random = createRandom(seed);
  readonly #clients: readonly KeyValueClient[];

  constructor(replicas: readonly ServerProcess[]) {
    console.log(`SEED=${seed}`);
    this.#clients = replicas.map((replica) => connectTo(replica));
  }

  async run(isOver: () => boolean): Promise<void> {
    let calls = 0;
    for (; !isOver(); this.count++) {
      const pick = () => this.#random.pick(this.#clients);
      const window = new Window(`window ${this.count}`, this.#random, pick);
      await window.run();
      if (!isLinearizable(storeModel, window.calls)) expect(window.calls).toBe("linearizable");
      calls += window.calls.length;
    }
    expect(calls).toBeGreaterThan(10 * this.count);
    console.log(`${this.count} windows with ${calls} calls`);
  }
}

describe("calls of clients of three replicas have a linear order", () => {
  it(`on PostgreSQL (seed ${seed})`, async () => {
    const windows = new Windows(await startReplicas(await postgres.createDatabase(), 3));
    await windows.run(() => windows.count >= 50 * rounds);
  });
});
