import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { Applier } from "../../../src/committer/applier.ts";
import { Compactor } from "../../../src/committer/background/compactor.ts";
import { Committer } from "../../../src/committer/committer.ts";
import { openReplayedState } from "../../../src/committer/replayed-state.ts";
import { DuetError } from "../../../src/errors.ts";
import { defaultLimits, type Limits } from "../../../src/limits.ts";
import { silentLogger } from "../../../src/logging.ts";
import type { Store } from "../../../src/store/store.ts";
import type { WatchHub, WatchOptions } from "../../../src/store/watch/hub.ts";
import type { Selector } from "../../../src/store/watch/selector.ts";
import type { Watch, WatchMessage } from "../../../src/store/watch/watch.ts";
import { MemoryTransactionLogger } from "../../../src/transaction-log/memory/memory-transaction-logger.ts";
import type { Random } from "../../support/random.ts";
import { type SeenBy, type SeenMessage, type Session, Truth } from "./watch-validator.ts";

/** Everything below the service, on a log in memory that outlives restarts, and a clock of its own. */
export class WatchWorld {
  readonly truth = new Truth();
  readonly limits: Limits;
  readonly #logger = new MemoryTransactionLogger();
  time = 1_000_000;
  store!: Store;
  hub!: WatchHub;
  committer!: Committer;
  #compactor!: Compactor;

  private constructor(limits: Partial<Limits>) {
    this.limits = { ...defaultLimits, ...limits };
  }

  static async start(limits: Partial<Limits> = {}): Promise<WatchWorld> {
    const world = new WatchWorld(limits);
    await world.#open();
    return world;
  }

  /** Ends all watches and starts again from the log. */
  async restart(): Promise<void> {
    await this.close();
    await this.#open();
  }

  async close(): Promise<void> {
    this.hub.close();
    await this.committer.close();
  }

  compact(): Promise<void> {
    return this.#compactor.compact();
  }

  /** Moves the clock and deletes what has expired, each entry at its own revision. */
  async expire(milliseconds: number): Promise<void> {
    this.time += milliseconds;
    const entries = this.store.expired(this.time, 1000);
    const deletes = entries.map(({ key, revision }) =>
      this.committer.commit({
        checks: [{ key, condition: { revision } }],
        mutations: [{ type: "delete", key, expired: true }],
        requestId: undefined,
      }),
    );
    await Promise.allSettled(deletes);
  }

  async #open(): Promise<void> {
    const logger = this.#logger;
    const { revision } = this.truth;
    const state = await openReplayedState({
      logger,
      limits: this.limits,
      log: silentLogger,
      watchHeartbeatMs: 5,
    });
    const { store, hub, requests } = state;
    expect(store.revision, "a restart keeps the revision").toBe(revision);
    const compactor = new Compactor({ ...state, logger, bytesMin: Infinity, onError: failTest });
    this.store = store;
    this.hub = hub;
    this.#compactor = compactor;
    this.committer = new Committer({
      store,
      requests,
      logger,
      limits: this.limits,
      clock: () => this.time,
      applier: new Applier({
        store,
        logger,
        onApplied: (transaction, changes) => {
          this.truth.add(transaction);
          state.applied(transaction, changes);
        },
        onRun: () => compactor.check(),
      }),
    });
  }
}

function failTest(error: unknown): never {
  throw error;
}

function toSeenMessage(message: WatchMessage, previous: boolean): SeenMessage {
  return {
    revision: message.revision,
    resumeRevision: message.resumeRevision,
    events: (message.set?.changes ?? []).map(({ key, entry, expired, ...change }) => ({
      key,
      entry,
      previous: previous ? change.previous : undefined,
      expired,
    })),
    existing: message.existing ?? [],
    existingEnd: message.existingEnd ?? false,
  };
}

/** A watcher that goes away and comes back, reads fast and slowly, and writes down all that it sees. */
export class RandomWatcher implements SeenBy {
  readonly selector: Selector;
  readonly previous = true;
  readonly sessions: Session[] = [];
  /** How often each kind of end was seen. */
  readonly ends = new Map<string, number>();
  readonly #world: WatchWorld;
  readonly #random: Random;
  #resumeRevision: number | undefined;

  constructor(world: WatchWorld, selector: Selector, random: Random) {
    this.#world = world;
    this.selector = selector;
    this.#random = random;
  }

  /** Watches until it knows everything up to `until()`, which is undefined as long as there will be more. */
  async run(until: () => number | undefined): Promise<void> {
    for (;;) {
      const isAtEnd = () => {
        const last = until();
        return last !== undefined && this.#resumeRevision !== undefined && this.#resumeRevision >= last;
      };
      if (isAtEnd()) return;
      await this.#session(isAtEnd, () => until() !== undefined);
    }
  }

  async #session(isAtEnd: () => boolean, isWritten: () => boolean): Promise<void> {
    const { hub, store } = this.#world;
    const controller = new AbortController();
    setMaxListeners(0, controller.signal);
    const options: WatchOptions = {
      selector: this.selector,
      startRevision: this.#resumeRevision,
      includeExisting: this.#resumeRevision === undefined,
      previous: true,
    };
    const { startRevision, includeExisting } = options;
    const session: Session = { startRevision, includeExisting, messages: [] };
    this.sessions.push(session);
    // It leaves after so many messages, by an abort or by itself.
    let left = this.#random.chance(0.3) ? Number.POSITIVE_INFINITY : this.#random.below(200);
    const aborts = this.#random.chance(0.5);
    try {
      const watch = hub.watch(options, controller.signal);
      for await (const message of this.#random.chance(0.5) ? watch : readEagerly(watch)) {
        session.messages.push(toSeenMessage(message, true));
        this.#resumeRevision = message.resumeRevision ?? this.#resumeRevision;
        if (isAtEnd()) return;
        if (--left < 0) {
          if (!aborts) break;
          controller.abort();
        }
        if (!this.#random.chance(0.02)) continue;
        // Slow by what is written meanwhile: by the clock no watcher is too slow on a machine that writes slowly.
        const end = store.revision + this.#random.below(300);
        while (store.revision < end && this.#world.hub === hub && !isWritten()) await sleep(1);
      }
      this.#count("left");
    } catch (error) {
      if (!(error instanceof DuetError)) throw error;
      this.#count(error.reason);
      if (error.reason === "REVISION_COMPACTED") {
        expect(Number(error.metadata["oldest_revision"])).toBeGreaterThan(startRevision as number);
        expect(session.messages).toEqual([]);
        this.#resumeRevision = undefined;
      } else {
        expect(["WATCHER_TOO_SLOW", "SHUTTING_DOWN"]).toContain(error.reason);
        const known = session.messages.findLast((message) => message.resumeRevision !== undefined);
        // What did not match may have been passed over since the last message.
        expect(Number(error.metadata["last_revision"])).toBeGreaterThanOrEqual(known?.resumeRevision ?? 0);
        expect(Number(error.metadata["last_revision"])).toBeLessThanOrEqual(store.revision);
        // The server that comes next is not up yet.
        if (error.reason === "SHUTTING_DOWN") while (this.#world.hub === hub) await sleep(1);
      }
    }
  }

  #count(end: string): void {
    this.ends.set(end, (this.ends.get(end) ?? 0) + 1);
  }
}

/** Reads as the wire does: waits only when nothing is there. */
async function* readEagerly(watch: Watch): AsyncGenerator<WatchMessage, void> {
  try {
    for (;;) {
      const ready = watch.ready();
      if (ready !== undefined) yield ready;
      else {
        const { done, value } = await watch.next();
        if (done === true) return;
        yield value;
      }
    }
  } finally {
    await watch.return();
  }
}
