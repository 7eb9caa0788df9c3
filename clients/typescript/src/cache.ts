/**
 * A copy of the entries below a prefix, kept up to date by a watch.
 *
 * @module
 */

import type { Entry, Kv, Watch } from "./kv.ts";
import { notify } from "./notify.ts";

/** Options of `cache`. */
export interface CacheOptions {
  /** For how long the cache is fresh without a message of the service, in milliseconds. Default: 60,000. */
  readonly staleMs?: number;
}

/** A copy of entries that a watch keeps up to date. */
export interface Cache<T> extends AsyncDisposable {
  /** Resolves when the entries are there; rejects with what ended the watch before. */
  readonly ready: Promise<void>;
  /** Resolves when the cache is closed; rejects with what ended the watch: the entries will stay as they are. */
  readonly ended: Promise<void>;
  /** `stale`: nothing has come for `staleMs`; entries may be old. */
  readonly state: "loading" | "fresh" | "stale" | "ended";
  /** The revision that the entries are of; 0 while they are loading. */
  readonly asOf: number;
  /** How many entries there are. */
  readonly size: number;
  /** Returns the entry of a key, without waiting; undefined if there is none, or while the entries are loading. */
  get(key: string): Entry<T> | undefined;
  /** Returns all entries, in no order. */
  entries(): IterableIterator<Entry<T>>;
  /** Calls `listener` after each transaction, with the keys that it changed. Returns what ends that. */
  onChange(listener: (keys: readonly string[]) => void): () => void;
  /** Ends the watch. The entries stay as they are. */
  close(): Promise<void>;
}

/**
 * Copies the entries whose keys begin with the prefix, which the keys of the copy keep.
 *
 * @example
 * await using flags = cache(client, "flags/");
 * await flags.ready;
 * flags.get("flags/beta")?.value;
 */
export function cache<T>(kv: Kv<T>, prefix: string, options: CacheOptions = {}): Cache<T> {
  return new WatchedCache(kv.watch({ prefix }, { existing: true }), options.staleMs ?? 60_000);
}

class WatchedCache<T> implements Cache<T> {
  readonly ready: Promise<void>;
  readonly ended: Promise<void>;
  asOf = 0;
  readonly #watch: Watch<T>;
  readonly #staleMs: number;
  readonly #listeners = new Set<(keys: readonly string[]) => void>();
  #entries = new Map<string, Entry<T>>();
  #heardAt = 0;
  #hasEnded = false;
  #onReady: (() => void) | undefined;

  constructor(watch: Watch<T>, staleMs: number) {
    this.#watch = watch;
    this.#staleMs = staleMs;
    const isReady = new Promise<void>((resolve) => {
      this.#onReady = resolve;
    });
    this.ended = this.#follow();
    const isClosed = this.ended.then(() => Promise.reject(new Error("the cache is closed")));
    this.ready = Promise.race([isReady, isClosed]);
    // Not everybody waits for it.
    this.ready.catch(() => {});
  }

  get state(): Cache<T>["state"] {
    if (this.#hasEnded) return "ended";
    if (this.#heardAt === 0) return "loading";
    return performance.now() - this.#heardAt > this.#staleMs ? "stale" : "fresh";
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Entry<T> | undefined {
    return this.#entries.get(key);
  }

  entries(): IterableIterator<Entry<T>> {
    return this.#entries.values();
  }

  onChange(listener: (keys: readonly string[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    return this.#watch.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #follow(): Promise<void> {
    try {
      for await (const message of this.#watch) {
        this.#heardAt = performance.now();
        this.asOf = message.revision;
        if (message.type === "bookmark") continue;
        const keys: string[] = [];
        if (message.type === "reset") {
          const old = this.#entries;
          this.#entries = new Map(message.entries.map((entry) => [entry.key, entry]));
          for (const [key, { revision }] of this.#entries)
            if (old.get(key)?.revision !== revision) keys.push(key);
          for (const key of old.keys()) if (!this.#entries.has(key)) keys.push(key);
        } else {
          for (const { key, entry } of message.changes) {
            keys.push(key);
            if (entry === undefined) this.#entries.delete(key);
            else this.#entries.set(key, entry);
          }
        }
        this.#onReady?.();
        for (const listener of this.#listeners) notify(listener, keys);
      }
    } finally {
      this.#hasEnded = true;
    }
  }
}
