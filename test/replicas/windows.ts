import { expect, onTestFinished } from "vitest";
import { openClient } from "../end-to-end/every-client.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { isLinearizable } from "../support/linearizability.ts";
import { createRandom, seed } from "../support/random.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { checkWithPorcupine, hasPorcupine } from "./porcupine.ts";
import { storeModel } from "./store-model.ts";
import { Window } from "./window.ts";

/** A replica and a client of it. */
interface Member {
  readonly process: ServerProcess;
  readonly client: KeyValueClient;
}

/** Runs one window after another, each of which must have a linear order. Every client has a replica of its own. */
export class Windows {
  /** Those with more than a few responses. While the log has no leader, calls are refused. */
  count = 0;
  #started = 0;
  readonly random = createRandom(seed);
  readonly #members: Member[];
  /** Replicas that may not respond: the next window does not wait for their clients. */
  readonly #silent = new Set<number>();
  readonly #down = new Set<number>();
  readonly #windows: { readonly window: Window; readonly running: Promise<unknown> }[] = [];

  constructor(replicas: readonly ServerProcess[]) {
    console.log(`SEED=${seed}`);
    this.#members = replicas.map(connect);
    onTestFinished(() => {
      for (const { client } of this.#members) client.close();
    });
  }

  get replicas(): readonly ServerProcess[] {
    return this.#members.map(({ process }) => process);
  }

  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) await this.#runOne();
    await Promise.all(this.#windows.map(({ running }) => running));
    const calls = this.#windows.reduce((sum, { window }) => sum + window.calls.length, 0);
    console.log(`${this.count} windows with ${calls} calls`);
  }

  /** Checks all of them a second time, by a program of others. */
  async checkAgain(): Promise<void> {
    if (!hasPorcupine) return;
    const verdicts = await checkWithPorcupine(this.#windows.map(({ window }) => window.calls));
    expect(verdicts).toEqual(this.#windows.map(() => "Ok"));
    console.log(`Porcupine has checked ${verdicts.length} windows`);
  }

  /** Resolves when some more have run. */
  async progress(): Promise<void> {
    const before = this.count;
    await until(() => this.count > before + 3);
  }

  /** From now on windows go on without a replica. Calls to it may end much later, and are checked all the same. */
  ignore(replica: ServerProcess): void {
    this.#silent.add(this.replicas.indexOf(replica));
  }

  /** The end of `ignore`. */
  heed(replica: ServerProcess): void {
    this.#silent.delete(this.replicas.indexOf(replica));
  }

  /** Kills a replica. Until `start` has resolved with its successor, in the same place, its clients call another one. */
  async replace(replica: ServerProcess, start: (index: number) => Promise<ServerProcess>): Promise<void> {
    const index = this.replicas.indexOf(replica);
    this.#down.add(index);
    await replica.stop("SIGKILL");
    this.#members[index]?.client.close();
    this.#members[index] = connect(await start(index));
    this.#down.delete(index);
  }

  async #runOne(): Promise<void> {
    const window = new Window(`window ${this.#started++}`, this.random);
    const ended = new Set<number>();
    const parts = this.#members.map(async (_, index) => {
      await window.run(() => this.#clientOf(index));
      ended.add(index);
    });
    const running = (async () => {
      await Promise.all(parts);
      if (!isLinearizable(storeModel, window.calls)) expect(window.calls).toBe("linearizable");
    })();
    // Awaited at the end.
    running.catch(() => {});
    this.#windows.push({ window, running });
    await Promise.race([
      running,
      until(() => this.#members.every((_, index) => ended.has(index) || this.#silent.has(index))),
    ]);
    if (window.calls.length > 20) this.count++;
  }

  #clientOf(index: number): KeyValueClient {
    const isUsable = (each: number) => !this.#down.has(each) && !this.#silent.has(each);
    const other = this.#members.findIndex((_, each) => isUsable(each));
    return (this.#members[this.#down.has(index) ? other : index] as Member).client;
  }
}

function connect(process: ServerProcess): Member {
  return { process, client: openClient("gRPC by grpc-js", process.address) };
}
