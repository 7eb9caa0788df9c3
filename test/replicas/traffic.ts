import { Consistency } from "../../gen/duetkv/v1/key_value_pb.ts";
import { openClient, protocols, wasRefused } from "../end-to-end/every-client.ts";
import { CallFailure, type KeyValueClient } from "../support/key-value-client.ts";
import type { Random } from "../support/random.ts";
import type { ServerProcess } from "../support/server-process.ts";
import type { Expectation, Outcome, ReplicaHistory, Writes } from "./replica-history.ts";

/** The replica of the next call, and a client of it. */
export interface Target {
  readonly client: KeyValueClient;
  readonly replica: ServerProcess;
}

export interface TrafficOptions {
  readonly history: ReplicaHistory;
  readonly random: Random;
  readonly keys: readonly string[];
  /** A prefix of every value, unique among several traffics. */
  readonly name?: string;
  /** Called for every call. */
  readonly target: () => Target;
}

/** Random reads and writes of all kinds, recorded in the history, failed calls included. */
export class Traffic {
  readonly #options: TrafficOptions;
  #values = 0;

  constructor(options: TrafficOptions) {
    this.#options = options;
  }

  /** Runs `clients` clients, each with one call at a time, until `done()` is true. */
  async run(clients: number, done: () => boolean): Promise<void> {
    const all = Array.from({ length: clients }, async () => {
      while (!done()) await this.#call();
    });
    await Promise.all(all);
  }

  async #call(): Promise<void> {
    const { random, keys } = this.#options;
    const key = random.pick(keys);
    const kind = random.below(100);
    if (kind < 25) return this.#put(key);
    if (kind < 35) return this.#delete(key);
    if (kind < 50) return this.#compareAndSwap(key);
    if (kind < 60) return this.#commit(key);
    if (kind < 65) return this.#batchGet();
    return this.#get(key, kind >= 90);
  }

  #put(key: string): Promise<void> {
    const { client } = this.#options.target();
    const value = this.#value();
    return this.#write(new Map([[key, value]]), undefined, () => client.put({ key, value }));
  }

  #delete(key: string): Promise<void> {
    const { history, target } = this.#options;
    const { client } = target();
    let changed = true;
    const send = async () => {
      const response = await client.delete({ key });
      changed = response.deleted;
      return response;
    };
    return history.delete(key, async () => ({ outcome: await outcomeOf(send), changed }));
  }

  async #compareAndSwap(key: string): Promise<void> {
    const { target } = this.#options;
    const { client } = target();
    let revision: bigint | undefined;
    try {
      revision = (await client.get({ key, consistency: Consistency.LOCAL })).entry?.revision;
    } catch {
      // Missing key or failed read.
    }
    if (revision === undefined) return;
    const value = this.#value();
    const precondition = { condition: { case: "revision" as const, value: revision } };
    const other = target().client;
    await this.#write(new Map([[key, value]]), { key, revision }, () =>
      other.put({ key, value, precondition }),
    );
  }

  async #commit(key: string): Promise<void> {
    const { random, keys, target } = this.#options;
    const others = keys.filter((each) => each !== key && random.chance(0.2));
    const writes = new Map([[key, this.#value()], ...others.map((each) => [each, this.#value()] as const)]);
    const mutations = [...writes].map(([name, value]) => ({
      kind: { case: "put" as const, value: { key: name, value } },
    }));
    const { client } = target();
    await this.#write(writes, undefined, () => client.commit({ mutations }));
  }

  #batchGet(): Promise<void> {
    const { history, random, keys, target } = this.#options;
    const asked = keys.filter(() => random.chance(0.3));
    const { client } = target();
    return history.read(async () => {
      if (asked.length === 0) return undefined;
      const response = await client.batchGet({ keys: asked }).catch(() => undefined);
      if (response === undefined) return undefined;
      const entries = new Map(response.entries.map((entry) => [entry.key, entry]));
      const found = asked.map((key) => {
        const entry = entries.get(key);
        return [key, entry && { revision: entry.revision, value: entry.value ?? "" }] as const;
      });
      return { revision: response.revision, found: new Map(found) };
    });
  }

  #get(key: string, local: boolean): Promise<void> {
    const { history, target } = this.#options;
    const { client, replica } = target();
    const consistency = local ? Consistency.LOCAL : Consistency.LINEARIZABLE;
    const send = async () => {
      try {
        const { revision, entry } = await client.get({ key, consistency });
        const version = { revision: entry?.revision ?? 0n, value: entry?.value ?? "" };
        return { revision, found: new Map([[key, version]]) };
      } catch (error) {
        if (!(error instanceof CallFailure) || error.reason !== "NO_SUCH_KEY") return undefined;
        return { revision: BigInt(error.metadata["revision"] ?? -1), found: new Map([[key, undefined]]) };
      }
    };
    return history.read(send, local ? replica : undefined);
  }

  #write(
    writes: Writes,
    expected: Expectation | undefined,
    send: () => Promise<{ readonly revision: bigint }>,
  ): Promise<void> {
    return this.#options.history.write(writes, expected, () => outcomeOf(send));
  }

  #value(): string {
    return `${this.#options.name ?? "value"} ${++this.#values}`;
  }
}

async function outcomeOf(send: () => Promise<{ readonly revision: bigint }>): Promise<Outcome> {
  try {
    return (await send()).revision;
  } catch (error) {
    if (!wasRefused(error)) return undefined;
    const { reason, metadata } = error as CallFailure;
    if (reason === "INTERNAL") throw error;
    return {
      current: reason === "REVISION_MISMATCH" ? BigInt(metadata["current_revision"] ?? -1) : undefined,
    };
  }
}

/** Clients of every protocol to all replicas, picked at random. */
export class Clients {
  readonly #random: Random;
  #targets: Target[] = [];

  constructor(random: Random, replicas: readonly ServerProcess[]) {
    this.#random = random;
    for (const replica of replicas) this.add(replica);
  }

  add(replica: ServerProcess): void {
    const weights = [...protocols, "gRPC by grpc-js", "gRPC by grpc-js"] as const;
    this.#targets.push(
      ...weights.map((protocol) => ({ client: openClient(protocol, replica.address), replica })),
    );
  }

  remove(replica: ServerProcess): void {
    const gone = this.#targets.filter((target) => target.replica === replica);
    this.#targets = this.#targets.filter((target) => target.replica !== replica);
    for (const { client } of gone) client.close();
  }

  readonly pick = (): Target => this.#random.pick(this.#targets);

  close(): void {
    for (const { client } of this.#targets) client.close();
  }
}
