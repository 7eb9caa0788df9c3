/**
 * Locks and elections: an entry with a time to live that its holder renews.
 *
 * @module
 */
import { isTransient } from "./call-outcome.ts";
import { ConflictError, DuetError } from "./errors.ts";
import type { Check, Entry, Kv } from "./kv.ts";
import { LinkedController } from "./linked-controller.ts";
import { pause, timerMaxMs } from "./pause.ts";

/** Where locks are: a client or a scope of texts or bytes. */
export type Locks = Kv<string | Uint8Array>;

/** Options of `lock`, `withLock` and `elect`. */
export interface LockOptions {
  /** How long the lock stays when its holder is gone, in milliseconds; at least 1,000. Default: 15,000. */
  readonly ttlMs?: number;
  /** How long to wait while somebody else holds it, in milliseconds; 0: not at all. Default: for ever. */
  readonly waitMs?: number;
  /** The value of the entry, which others see. Default: a random id. */
  readonly owner?: string;
  /** Ends the waiting, not the lease: `lock` rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** A lock or a leadership that is held: renewed three times within its time to live, until it is released or lost. */
export interface Lease extends AsyncDisposable {
  /** The revision of the entry. Grows with every holder: what the lock protects refuses a smaller one than it has seen. */
  readonly fence: number;
  /** Aborted when the lease is lost or released: by the clock of this process, before anybody else can have it. */
  readonly signal: AbortSignal;
  /** Returns a condition for a commit through the same scope: that the lease is still held. */
  check(): Check;
  /** Gives it up, unless it is lost. */
  release(): Promise<void>;
}

/** The lock did not become free within `waitMs`. */
export class LockHeldError extends Error {
  /** The key of the lock. */
  readonly key: string;

  constructor(key: string, waitMs: number) {
    super(`the lock ${JSON.stringify(key)} did not become free within ${waitMs} ms`);
    this.name = "LockHeldError";
    this.key = key;
  }
}

/** The longest pause while the service is away. */
const pauseMaxMs = 2000;

/**
 * Takes the lock that is the entry `key`; goes on when the service is away meanwhile. Rejects with LockHeldError, with
 * DuetError, or with the reason of the signal.
 *
 * @example
 * await using lease = await lock(client, "locks/nightly", { waitMs: 60_000 });
 * await client.commit((batch) => batch.check(lease.check()).put("report", "done"));
 */
export async function lock(kv: Locks, key: string, options: LockOptions = {}): Promise<Lease> {
  const { ttlMs = 15_000, waitMs = Number.POSITIVE_INFINITY, owner = randomId(), signal } = options;
  const end = performance.now() + waitMs;
  for (let failures = 0; ; ) {
    signal?.throwIfAborted();
    const asked = now();
    const created = kv.create(key, owner, { ttlMs });
    try {
      const { revision } = await unlessAborted(created, signal);
      // The response may come when the time is over, and somebody else has the lock.
      if (leftMs(asked, ttlMs) > 0) return new HeldLease(kv, key, revision, ttlMs, asked);
      await giveUp(kv, key, revision);
    } catch (error) {
      if (signal?.aborted === true) {
        // The lock may still come.
        void created.then(
          ({ revision }) => giveUp(kv, key, revision),
          () => {},
        );
        throw error;
      }
      if (!(error instanceof ConflictError)) {
        const pauseMs = Math.min(50 * 2 ** failures++, pauseMaxMs) * (0.5 + Math.random() / 2);
        if (!mayPass(error) || performance.now() + pauseMs >= end) throw error;
        // What such a try may have left expires: nobody renews it.
        await pause(pauseMs, signal ?? new AbortController().signal);
        continue;
      }
    }
    failures = 0;
    if (performance.now() >= end) throw new LockHeldError(key, waitMs);
    await untilFree(kv, key, end, signal);
  }
}

/**
 * Runs `work` while the lock is held, and gives the lock up. Resolves with what `work` returns. `work` must end when the signal
 * of the lease aborts. Rejects as `lock` and `work` do.
 */
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

/**
 * Becomes the leader again and again: each lease is lost or released before the next. The next one is waited for when the body of
 * the loop asks for it, so the body should end with the lease. Ends when the loop is left. Throws as `lock` rejects.
 *
 * @example
 * for await (const lease of elect(client, "leader", { owner: "node-1" })) await lead(lease.signal);
 */
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

/** Yields the entry of the leader, now and at each change of leader; undefined while there is none. Throws as a watch does. */
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

/** Rejects with the reason of the signal as soon as it aborts. */
function unlessAborted<Result>(result: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal?.reason as Error);
    signal?.addEventListener("abort", abort);
    if (signal?.aborted === true) abort();
    result.then(resolve, reject).finally(() => signal?.removeEventListener("abort", abort));
  });
}

/** Resolves when the key may be free, or `end` has come. */
async function untilFree(
  kv: Locks,
  key: string,
  end: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const controller = new LinkedController(signal);
  const timeoutMs = Math.min(end - performance.now(), timerMaxMs);
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  try {
    for await (const message of kv.watch({ key }, { existing: true, signal: controller.signal })) {
      if (message.type === "reset" && message.entries.length === 0) return;
      if (message.type === "changes" && message.changes.at(-1)?.type === "delete") return;
    }
  } finally {
    clearTimeout(timer);
    controller.unlink();
  }
}

/** Whether the service may take the lock later. */
function mayPass(error: unknown): boolean {
  return (
    error instanceof DuetError &&
    (isTransient(error) || error.outcome === "unknown" || error.code === "deadline_exceeded")
  );
}

/** Of 128 bits. A page without TLS has no crypto.randomUUID. */
function randomId(): string {
  return btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))));
}

/** Deletes the entry of a holder, if it is still there. */
async function giveUp(kv: Locks, key: string, fence: number): Promise<void> {
  try {
    await kv.delete(key, { ifRevision: fence });
  } catch (error) {
    // It expires by itself.
    if (!(error instanceof DuetError)) throw error;
  }
}

/** A moment by both clocks: one may stand still while the machine sleeps, the other may be set. */
interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

function now(): Moment {
  return { monotonic: performance.now(), wall: Date.now() };
}

/** What is left of a time to live that began at most at this moment. */
function leftMs({ monotonic, wall }: Moment, ttlMs: number): number {
  return ttlMs - Math.max(performance.now() - monotonic, Date.now() - wall);
}

class HeldLease implements Lease {
  readonly fence: number;
  readonly #kv: Locks;
  readonly #key: string;
  readonly #ttlMs: number;
  readonly #controller = new AbortController();
  #expiry: ReturnType<typeof setTimeout> | undefined;
  /** When the put or the touch was sent, so that this clock runs out before the service's. */
  #asked: Moment;

  constructor(kv: Locks, key: string, fence: number, ttlMs: number, asked: Moment) {
    this.fence = fence;
    this.#kv = kv;
    this.#key = key;
    this.#ttlMs = ttlMs;
    this.#asked = asked;
    this.#expire();
    void this.#renew();
  }

  get signal(): AbortSignal {
    // The process may have stood still, and its timers with it.
    if (leftMs(this.#asked, this.#ttlMs) <= 0) this.#expire();
    return this.#controller.signal;
  }

  check(): Check {
    return { key: this.#key, revision: this.fence };
  }

  async release(): Promise<void> {
    if (this.signal.aborted) return;
    this.#end(new Error("the lease is released"));
    await giveUp(this.#kv, this.#key, this.fence);
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
      const sent = now();
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
        this.#asked = sent;
        this.#expire();
        pauseMs = this.#ttlMs / 3;
      } catch (error) {
        if (error instanceof ConflictError) return this.#end(error);
        // Anything else may still succeed before the lease expires.
        pauseMs = this.#ttlMs / 10;
      }
    }
  }

  /** Ends the lease when its time is over, now or later. */
  #expire(): void {
    clearTimeout(this.#expiry);
    const left = leftMs(this.#asked, this.#ttlMs);
    if (left > 0) this.#expiry = setTimeout(() => this.#expire(), Math.min(left, timerMaxMs));
    else this.#end(new Error(`the lease was not renewed within ${this.#ttlMs} ms`));
  }

  #end(reason: Error): void {
    clearTimeout(this.#expiry);
    this.#controller.abort(reason);
  }
}

async function aborted(...signals: readonly (AbortSignal | undefined)[]): Promise<void> {
  const all = new LinkedController(...signals);
  await new Promise<void>((resolve) => {
    all.signal.addEventListener("abort", () => resolve());
    if (all.signal.aborted) resolve();
  });
  all.unlink();
}
