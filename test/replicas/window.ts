import type { Entry } from "../../gen/duetkv/v1/key_value_pb.ts";
import { wasRefused } from "../end-to-end/every-client.ts";
import { CallFailure, type KeyValueClient } from "../support/key-value-client.ts";
import type { Call } from "../support/linearizability.ts";
import type { Random } from "../support/random.ts";
import type { StoreOperation } from "./store-model.ts";

const clientCount = 6;
const callsOfEach = 8;

/** Random calls of a few clients at the same time, on keys that only they use: short enough for a search of their order. */
export class Window {
  readonly calls: Call<StoreOperation>[] = [];
  readonly #keys: readonly string[];
  readonly #random: Random;
  readonly #pick: () => KeyValueClient;
  #moment = 0;

  /** `pick` returns the client of the next call. */
  constructor(name: string, random: Random, pick: () => KeyValueClient) {
    this.#keys = ["a", "b", "c"].map((key) => `${name} ${key}`);
    this.#random = random;
    this.#pick = pick;
  }

  async run(): Promise<void> {
    const clients = Array.from({ length: clientCount }, async () => {
      for (let call = 0; call < callsOfEach; call++) await this.#call();
    });
    await Promise.all(clients);
  }

  #call(): Promise<void> {
    const key = this.#random.pick(this.#keys);
    const kind = this.#random.below(100);
    if (kind < 20) return this.#put(key);
    if (kind < 30) return this.#commit();
    if (kind < 40) return this.#delete(key);
    if (kind < 60) return this.#swap(key);
    if (kind < 85) return this.#get([key]);
    return this.#get(this.#keys);
  }

  #put(key: string): Promise<void> {
    const value = this.#value();
    const operation = { kind: "put", writes: new Map([[key, value]]) } as const;
    return this.#record(operation, async () => {
      await this.#pick().put({ key, value });
      return operation;
    });
  }

  #commit(): Promise<void> {
    const writes = new Map(
      this.#keys.slice(this.#random.below(2)).map((key) => [key, this.#value()] as const),
    );
    const operation = { kind: "put", writes } as const;
    const mutations = [...writes].map(([key, value]) => ({
      kind: { case: "put" as const, value: { key, value } },
    }));
    return this.#record(operation, async () => {
      await this.#pick().commit({ mutations });
      return operation;
    });
  }

  #delete(key: string): Promise<void> {
    return this.#record({ kind: "delete", key, deleted: undefined }, async () => {
      const { deleted } = await this.#pick().delete({ key });
      return { kind: "delete", key, deleted };
    });
  }

  async #swap(key: string): Promise<void> {
    let read: { readonly entry: Entry | undefined } | undefined;
    await this.#record(undefined, async () => {
      read = { entry: await find(this.#pick(), key) };
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
      const swapped = await this.#pick()
        .put({ key, value: to, precondition: { condition } })
        .then(() => true)
        .catch((error: unknown) => {
          if (isMismatch(error)) return false;
          throw error;
        });
      return { kind: "swap", key, from, to, swapped };
    });
  }

  #get(keys: readonly string[]): Promise<void> {
    return this.#record(undefined, async () => {
      const { entries } = await this.#pick().batchGet({ keys: [...keys] });
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
