/**
 * Locks and elections: an entry with a time to live that its holder renews.
 *
 * @module
 */
import { ConflictError, DuetError } from "./errors.ts";
import type { Check, Entry, Kv } from "./kv.ts";
import { pause } from "./pause.ts";

type Locks = Kv<string | Uint8Array>;

export interface LockOptions {
  /** How long the lock stays when its holder is gone; at least 1,000. Default: 15,000. */
  readonly ttlMs?: number;
  /** How long to wait for it. Default: for ever. */
  readonly waitMs?: number;
  /** What others see in the entry. Default: a random id. */
  readonly owner?: string;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

export interface Lease extends AsyncDisposable {
  /** Grows with every holder: what the lock protects refuses a smaller one than it has seen. */
  readonly fence: number;
  /** Aborted when the lease is lost or released: by the clock of this process, before anybody else can have it. */
  readonly signal: AbortSignal;
  /** For a commit: that the lease is still held. */
  check(): Check;
  /** Gives it up, unless it is lost. */
  release(): Promise<void>;
}

/** The lock did not become free within `waitMs`. */
export class LockHeldError extends Error {
  readonly key: string;

  constructor(key: string, waitMs: number) {
    super(`the lock ${JSON.stringify(key)} did not become free within ${waitMs} ms`);
    this.name = "LockHeldError";
    this.key = key;
  }
}

/** Takes a lock. Rejects with LockHeldError, with DuetError, or with the reason of the signal. */
export async function lock(kv: Locks, key: string, options: LockOptions = {}): Promise<Lease> {
  const { ttlMs = 15_000, waitMs = Number.POSITIVE_INFINITY, owner = crypto.randomUUID(), signal } = options;
  const end = performance.now() + waitMs;
  for (;;) {
    signal?.throwIfAborted();
    const asked = performance.now();
    try {
      const { revision } = await kv.create(key, owner, { ttlMs });
      return new HeldLease(kv, key, revision, ttlMs, asked);
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
    if (performance.now() >= end) throw new LockHeldError(key, waitMs);
    await untilFree(kv, key, end, signal);
  }
}

/** Runs `work` while the lock is held, and gives it up. `work` must end when the signal of the lease aborts. */
export async function withLock<Result>(
  kv: Locks,
  key: string,
  options: LockOptions,
  work: (lease: Lease) => Promise<Result>,
): Promise<Result> {
  const lease = await lock(kv, key, options);
  try {
    return await work(lease);
  } finally {
    await lease.release();
  }
}

/** Becomes the leader again and again: each lease is lost or released before the next. Ends when the loop is left. */
export async function* elect(
  kv: Locks,
  key: string,
  options: Omit<LockOptions, "waitMs"> = {},
): AsyncGenerator<Lease, void, undefined> {
  for (;;) {
    const lease = await lock(kv, key, options);
    try {
      yield lease;
      await aborted(lease.signal, options.signal);
    } finally {
      await lease.release();
    }
    if (options.signal?.aborted === true) return;
  }
}

/** The entry of the leader, now and at each change of leader; undefined while there is none. */
export async function* observe<T>(
  kv: Kv<T>,
  key: string,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<Entry<T> | undefined, void, undefined> {
  let shown: number | undefined;
  for await (const message of kv.watch({ key }, { existing: true, ...options })) {
    if (message.type === "bookmark") continue;
    const leader = message.type === "reset" ? message.entries[0] : message.changes.at(-1)?.entry;
    const fence = leader?.revision ?? 0;
    if (fence === shown) continue;
    shown = fence;
    yield leader;
  }
}

/** Resolves when the key may be free, or `end` has come. */
async function untilFree(
  kv: Locks,
  key: string,
  end: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const controller = new AbortController();
  const leftMs = end - performance.now();
  const timer = Number.isFinite(leftMs) ? setTimeout(() => controller.abort(), leftMs) : undefined;
  const signals = signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal]);
  try {
    for await (const message of kv.watch({ key }, { existing: true, signal: signals })) {
      if (message.type === "reset" && message.entries.length === 0) return;
      if (message.type === "changes" && message.changes.at(-1)?.type === "delete") return;
    }
  } finally {
    clearTimeout(timer);
  }
}

class HeldLease implements Lease {
  readonly fence: number;
  readonly #kv: Locks;
  readonly #key: string;
  readonly #ttlMs: number;
  readonly #controller = new AbortController();
  #expiry: ReturnType<typeof setTimeout> | undefined;

  /** `asked`: when the put was sent, so that this clock runs out before the service's. */
  constructor(kv: Locks, key: string, fence: number, ttlMs: number, asked: number) {
    this.fence = fence;
    this.#kv = kv;
    this.#key = key;
    this.#ttlMs = ttlMs;
    this.#expireAt(asked + ttlMs);
    void this.#renew();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  check(): Check {
    return { key: this.#key, revision: this.fence };
  }

  async release(): Promise<void> {
    if (this.signal.aborted) return;
    this.#end(new Error("the lease is released"));
    try {
      await this.#kv.delete(this.#key, { ifRevision: this.fence });
    } catch (error) {
      // It expires by itself.
      if (!(error instanceof DuetError)) throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** Renews three times within the time to live; more often while that fails. */
  async #renew(): Promise<void> {
    let pauseMs = this.#ttlMs / 3;
    for (;;) {
      await pause(pauseMs, this.signal);
      if (this.signal.aborted) return;
      const sent = performance.now();
      try {
        const options = {
          ttlMs: this.#ttlMs,
          ifRevision: this.fence,
          timeoutMs: this.#ttlMs,
          signal: this.signal,
        };
        const head = await this.#kv.touch(this.#key, options);
        if (this.signal.aborted) return;
        if (head === undefined) return this.#end(new Error("the lock is gone"));
        this.#expireAt(sent + this.#ttlMs);
        pauseMs = this.#ttlMs / 3;
      } catch (error) {
        if (error instanceof ConflictError) return this.#end(error);
        // Anything else may still succeed before the lease expires.
        pauseMs = this.#ttlMs / 10;
      }
    }
  }

  #expireAt(time: number): void {
    clearTimeout(this.#expiry);
    const reason = new Error(`the lease was not renewed within ${this.#ttlMs} ms`);
    this.#expiry = setTimeout(() => this.#end(reason), Math.max(time - performance.now(), 0));
  }

  #end(reason: Error): void {
    clearTimeout(this.#expiry);
    this.#controller.abort(reason);
  }
}

function aborted(...signals: readonly (AbortSignal | undefined)[]): Promise<void> {
  const all = AbortSignal.any(signals.filter((signal) => signal !== undefined));
  return new Promise((resolve) => {
    if (all.aborted) resolve();
    else all.addEventListener("abort", () => resolve(), { once: true });
  });
}
