/**
 * A driver for unstorage: `createStorage({ driver: unstorageDriver(client.scope("storage/")) })`.
 *
 * @module
 */
import { deleteRange } from "./delete-range.ts";
import type { Kv } from "./kv.ts";
import { notify } from "./notify.ts";

/** A value as it is stored. */
export type Stored = string | Uint8Array;

/** Options of one call, as unstorage passes them. */
export interface TransactionOptions {
  /** Time to live in seconds, at least 1. */
  readonly ttl?: number;
}

/** Options of the driver. */
export interface DriverOptions {
  /** Called with what ended a watch, such as a right that is missing. Default: writes to the console. */
  readonly onError?: (error: unknown) => void;
}

/** What unstorage asks of a driver. Keys have colons between their parts. All methods reject with DuetError. */
export interface UnstorageDriver {
  /** `duetkv` */
  readonly name: string;
  /** Resolves with whether there is such a key. */
  hasItem(key: string): Promise<boolean>;
  /** Resolves with null if there is no such key. */
  getItem(key: string): Promise<string | null>;
  /** Resolves with the bytes; those of a text are its UTF-8. */
  getItemRaw(key: string): Promise<Uint8Array | null>;
  /** Reads all at one revision. */
  getItems(items: readonly { key: string }[]): Promise<{ key: string; value: string | null }[]>;
  /** Stores a text. */
  setItem(key: string, value: string, options?: TransactionOptions): Promise<void>;
  /** Stores bytes or a text. */
  setItemRaw(key: string, value: Stored, options?: TransactionOptions): Promise<void>;
  /** Stores all together or none. */
  setItems(items: readonly { key: string; value: string; options?: TransactionOptions }[]): Promise<void>;
  /** Deletes a key, if there is one. */
  removeItem(key: string): Promise<void>;
  /** Resolves with when the entry was written, the seconds that are left of its time, and its revision. */
  getMeta(key: string): Promise<{ mtime: Date; ttl?: number; revision: number } | null>;
  /** Resolves with the keys that begin with `base`; by default all. */
  getKeys(base?: string): Promise<string[]>;
  /** Deletes the keys that begin with `base`; by default all. */
  clear(base?: string): Promise<void>;
  /** Calls back at each change until the returned function is called. */
  watch(onChange: (event: "update" | "remove", key: string) => unknown): Promise<() => Promise<void>>;
}

/** Returns a driver for unstorage with the keys of `kv`. */
export function unstorageDriver(
  kv: Kv<Stored>,
  { onError = (error) => console.error("@duetkv/client/unstorage:", error) }: DriverOptions = {},
): UnstorageDriver {
  return {
    name: "duetkv",

    async hasItem(key) {
      return (await kv.get(key)) !== undefined;
    },

    async getItem(key) {
      return toText((await kv.get(key))?.value);
    },

    async getItemRaw(key) {
      const value = (await kv.get(key))?.value;
      return typeof value === "string" ? new TextEncoder().encode(value) : (value ?? null);
    },

    async getItems(items) {
      const { entries } = await kv.getMany(items.map(({ key }) => key));
      return items.map(({ key }) => ({ key, value: toText(entries.get(key)?.value) }));
    },

    async setItem(key, value, options) {
      await kv.put(key, value, toPut(options));
    },

    async setItemRaw(key, value, options) {
      await kv.put(key, value, toPut(options));
    },

    async setItems(items) {
      if (items.length === 0) return;
      const last = new Map(items.map((item) => [item.key, item]));
      await kv.commit((batch) => {
        for (const { key, value, options } of last.values()) batch.put(key, value, toPut(options));
      });
    },

    async removeItem(key) {
      await kv.delete(key);
    },

    async getMeta(key) {
      const entry = await kv.get(key);
      if (entry === undefined) return null;
      const { updateTime, expireTime, revision } = entry;
      const leftMs = expireTime === undefined ? undefined : expireTime.getTime() - Date.now();
      return { mtime: updateTime, revision, ...(leftMs !== undefined && { ttl: Math.ceil(leftMs / 1000) }) };
    },

    async getKeys(base = "") {
      // Node 20 has no Array.fromAsync.
      const keys: string[] = [];
      for await (const key of kv.keys({ prefix: base })) keys.push(key);
      return keys;
    },

    clear: (base = "") => deleteRange(kv, { prefix: base }),

    async watch(onChange) {
      const watch = kv.watch();
      const messages = watch[Symbol.asyncIterator]();
      // The first message comes when the watch has begun.
      await messages.next();
      const follow = async (): Promise<void> => {
        for await (const message of watch) {
          if (message.type !== "changes") continue;
          for (const { type, key } of message.changes) {
            notify(() => onChange(type === "put" ? "update" : "remove", key), undefined);
          }
        }
      };
      follow().catch(onError);
      return () => watch.close();
    },
  };
}

/** Bytes are read as UTF-8. */
function toText(value: Stored | undefined): string | null {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : (value ?? null);
}

function toPut({ ttl }: TransactionOptions = {}): { ttlMs?: number } {
  return ttl === undefined ? {} : { ttlMs: ttl * 1000 };
}
