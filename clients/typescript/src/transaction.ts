import type { Entry, Txn } from "./kv.ts";
import type { BatchGetResponse } from "./messages.ts";
import { Mutations } from "./mutations.ts";
import type { Values } from "./values.ts";

/** Reads at the revision of the first read, and gathers writes, with a check of everything that was read. */
export class Transaction<T> implements Txn<T> {
  readonly #values: Values<T>;
  readonly #read: (key: string, atRevision: number) => Promise<BatchGetResponse>;
  readonly #seen = new Map<string, Promise<Entry<T> | undefined>>();
  readonly #writes = new Map<string, (mutations: Mutations<T>) => void>();
  #first: Promise<BatchGetResponse> | undefined;

  /** `read` reads a whole key at a revision; 0: now. */
  constructor(values: Values<T>, read: (key: string, atRevision: number) => Promise<BatchGetResponse>) {
    this.#values = values;
    this.#read = read;
  }

  /** The entry as it was before the transaction. */
  get(key: string): Promise<Entry<T> | undefined> {
    let entry = this.#seen.get(key);
    if (entry === undefined) {
      entry = this.#readOnce(key);
      this.#seen.set(key, entry);
    }
    return entry;
  }

  put(key: string, value: T, options: { readonly ttlMs?: number } = {}): void {
    this.#writes.set(key, (mutations) => mutations.put(key, value, options));
  }

  delete(key: string): void {
    this.#writes.set(key, (mutations) => mutations.delete(key));
  }

  /** What is to be committed; undefined if nothing was written. */
  async finish(): Promise<Mutations<T> | undefined> {
    if (this.#writes.size === 0) return undefined;
    const mutations = new Mutations(this.#values);
    for (const [key, entry] of this.#seen) mutations.check({ key, revision: (await entry)?.revision ?? 0 });
    for (const write of this.#writes.values()) write(mutations);
    return mutations;
  }

  async #readOnce(key: string): Promise<Entry<T> | undefined> {
    const whole = this.#values.prefix + key;
    // The first read chooses the revision. Others of the same moment must wait for it.
    const { entries = [] } =
      this.#first === undefined
        ? await (this.#first = this.#read(whole, 0))
        : await this.#read(whole, Number((await this.#first).revision));
    const [entry] = entries;
    return entry && this.#values.toEntry(entry);
  }
}
