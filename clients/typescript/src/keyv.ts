/**
 * A store for Keyv 5 and 6: `new Keyv({ store: keyvStore(client.scope("cache/")) })`.
 *
 * @module
 */
import { deleteRange } from "./delete-range.ts";
import type { Kv } from "./kv.ts";

/** A value as Keyv has serialized it. */
export type Stored = string | Uint8Array;

/** The shortest time to live of the service. Keyv itself checks the exact time. */
const ttlMinMs = 1000;

/** What Keyv asks of a store. All methods reject with DuetError. */
export class KeyvStore {
  /** Keyv 5 has iterators only for the dialects that it knows. */
  readonly opts: Record<string, unknown> = { dialect: "redis" };
  /** Set by Keyv, which also puts it before the keys, with a colon. */
  namespace: string | undefined;
  readonly #kv: Kv<Stored>;

  constructor(kv: Kv<Stored>) {
    this.#kv = kv;
  }

  /** Resolves with the serialized value; undefined if there is no such key. */
  async get(key: string): Promise<Stored | undefined> {
    return (await this.#kv.get(key))?.value;
  }

  /** Resolves with the serialized values in the order of the keys, all of one revision. */
  async getMany(keys: readonly string[]): Promise<(Stored | undefined)[]> {
    const { entries } = await this.#kv.getMany(keys);
    return keys.map((key) => entries.get(key)?.value);
  }

  /** Stores a serialized value for `ttl` milliseconds, at least 1,000. */
  async set(key: string, value: Stored, ttl?: number): Promise<boolean> {
    await this.#kv.put(key, value, toPut(ttl));
    return true;
  }

  /** Stores all together or none. */
  async setMany(entries: readonly { key: string; value: Stored; ttl?: number }[]): Promise<boolean[]> {
    if (entries.length === 0) return [];
    const last = new Map(entries.map((entry) => [entry.key, entry]));
    await this.#kv.commit((batch) => {
      for (const { key, value, ttl } of last.values()) batch.put(key, value, toPut(ttl));
    });
    return entries.map(() => true);
  }

  /** Resolves with whether there was such a key. */
  delete(key: string): Promise<boolean> {
    return this.#kv.delete(key);
  }

  /** Resolves with whether there were all these keys. */
  async deleteMany(keys: readonly string[]): Promise<boolean> {
    if (keys.length === 0) return true;
    const { results } = await this.#kv.commit((batch) => {
      for (const key of new Set(keys)) batch.delete(key);
    });
    return results.every((result) => "deleted" in result && result.deleted);
  }

  /** Resolves with whether there is such a key. */
  async has(key: string): Promise<boolean> {
    return (await this.#kv.get(key)) !== undefined;
  }

  /** Resolves with whether there are these keys, in their order. */
  async hasMany(keys: readonly string[]): Promise<boolean[]> {
    return (await this.getMany(keys)).map((value) => value !== undefined);
  }

  /** Deletes the keys of the namespace; without one, all. */
  clear(): Promise<void> {
    return deleteRange(this.#kv, { prefix: toPrefix(this.namespace) });
  }

  /** Yields the keys of a namespace with their serialized values. */
  async *iterator(namespace = this.namespace): AsyncGenerator<[string, Stored], void> {
    const prefix = toPrefix(namespace);
    for await (const { key, value } of this.#kv.list({ prefix })) yield [key, value];
  }
}

/** Returns a store for Keyv with the keys of `kv`. */
export function keyvStore(kv: Kv<Stored>): KeyvStore {
  return new KeyvStore(kv);
}

function toPrefix(namespace: string | undefined): string {
  return namespace === undefined ? "" : `${namespace}:`;
}

function toPut(ttl: number | undefined): { ttlMs?: number } {
  return ttl === undefined ? {} : { ttlMs: Math.max(ttl, ttlMinMs) };
}
