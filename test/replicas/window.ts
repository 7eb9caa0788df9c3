import type { Entry } from "../../gen/duetkv/v1/key_value_pb.ts";
import { wasRefused } from "../end-to-end/every-client.ts";
import { CallFailure, type KeyValueClient } from "../support/key-value-client.ts";
import type { Call } from "../support/linearizability.ts";
import type { Random } from "../support/random.ts";
import type { StoreOperation } from "./store-model.ts";

/** Of each replica. */
const clientCount = 2;
const callsOfEach = 8;

/**
 * Random calls of a few clients of each replica at the same time, on keys that only they use: short enough for a search of
 * their order.
 */
export class Window {
  readonly calls: Call<StoreOperation>[] = [];
  readonly #keys: readonly string[];
  readonly #random: Random;
  #moment = 0;

  constructor(name: string, random: Random) {
    this.#keys = ["a", "b", "c"].map((key) => `${name} ${key}`);
    this.#random = random;
  }

  /** Runs clients of one replica; `target` returns what the next call uses. */
  async run(target: () => KeyValueClient): Promise<void> {
    const clients = Array.from({ length: clientCount }, async () => {
      for (let call = 0; call < callsOfEach; call++) await this.#call(target());
    });
    await Promise.all(clients);
  }

  #call(client: KeyValueClient): Promise<void> {
    const key = this.#random.pick(this.#keys);
    const kind = this.#random.below(100);
    if (kind < 20) return this.#put(client, key);
    if (kind < 30) return this.#commit(client);
    if (kind < 40) return this.#delete(client, key);
    if (kind < 60) return this.#swap(client, key);
    if (kind < 85) return this.#get(client, [key]);
    return this.#get(client, this.#keys);
  }

  #put(client: KeyValueClient, key: string): Promise<void> {
    const value = this.#value();
    const operation = { kind: "put", writes: new Map([[key, value]]) } as const;
    return this.#record(operation, async () => {
      await client.put({ key, value });
      return operation;
    });
  }

  #commit(client: KeyValueClient): Promise<void> {
    const writes = new Map(
      this.#keys.slice(this.#random.below(2)).map((key) => [key, this.#value()] as const),
    );
    const operation = { kind: "put", writes } as const;
    const mutations = [...writes].map(([key, value]) => ({
      kind: { case: "put" as const, value: { key, value } },
    }));
    return this.#record(operation, async () => {
      await client.commit({ mutations });
      return operation;
    });
  }

  #delete(client: KeyValueClient, key: string): Promise<void> {
    return this.#record({ kind: "delete", key, deleted: undefined }, async () => {
      const { deleted } = await client.delete({ key });
      return { kind: "delete", key, deleted };
    });
  }

  async #swap(client: KeyValueClient, key: string): Promise<void> {
    let read: { readonly entry: Entry | undefined } | undefined;
    await this.#record(undefined, async () => {
      read = { entry: await find(client, key) };
      return { kind: "get", found: new Map([[key, read.entry?.value]]) };
    });
    if (read === undefined) return;
    const { value: from, revision } = read.entry ?? {};
    const condition =
      revision === undefined
        ? ({ case: "exists", value: false } as const)
        : ({ case: "revision", value: revision } as const);
    const to = this.#value();
    await this.#record({ kind: "swap", key, from, to, swapped: undefined }, async () => {
      const swapped = await client
        .put({ key, value: to, precondition: { condition } })
        .then(() => true)
        .catch((error: unknown) => {
          if (isMismatch(error)) return false;
          throw error;
        });
      return { kind: "swap", key, from, to, swapped };
    });
  }

  #get(client: KeyValueClient, keys: readonly string[]): Promise<void> {
    return this.#record(undefined, async () => {
      const { entries } = await client.batchGet({ keys: [...keys] });
      const values = new Map(entries.map(({ key, value }) => [key, value]));
      return { kind: "get", found: new Map(keys.map((key) => [key, values.get(key)])) };
    });
  }

  /** Records a call. Without a response, `unanswered` may have taken effect; a read has none. */
  async #record(unanswered: StoreOperation | undefined, send: () => Promise<StoreOperation>): Promise<void> {
    const begin = ++this.#moment;
    try {
      const operation = await send();
      this.calls.push({ operation, begin, end: ++this.#moment });
    } catch (error) {
      if (!(error instanceof CallFailure)) throw error;
      if (unanswered === undefined || wasRefused(error)) return;
      this.calls.push({ operation: unanswered, begin, end: Number.POSITIVE_INFINITY });
    }
  }

  #value(): string {
    return `value ${this.calls.length} ${++this.#moment}`;
  }
}

async function find(client: KeyValueClient, key: string) {
  try {
    return (await client.get({ key })).entry;
  } catch (error) {
    if (error instanceof CallFailure && error.reason === "NO_SUCH_KEY") return undefined;
    throw error;
  }
}

function isMismatch(error: unknown): boolean {
  return error instanceof CallFailure && ["REVISION_MISMATCH", "KEY_EXISTS"].includes(error.reason);
}
