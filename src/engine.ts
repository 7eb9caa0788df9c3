import { createHash } from "node:crypto";
import { Applier } from "./committer/applier.ts";
import { type Clock, createClock, createSharedClock } from "./committer/background/clock.ts";
import { Compactor } from "./committer/background/compactor.ts";
import { Expirer } from "./committer/background/expirer.ts";
import { ReplicaComparison } from "./committer/background/replica-comparison.ts";
import { SnapshotExports } from "./committer/background/snapshot-exports.ts";
import { Committer } from "./committer/committer.ts";
import { openReplayedState, type ReplayedState, type ReplayOptions } from "./committer/replayed-state.ts";
import { DuetError } from "./errors.ts";
import { Replicas } from "./replicas.ts";
import type { TransactionLogger } from "./transaction-log/transaction-logger.ts";

export interface EngineOptions extends ReplayOptions {
  /** Closed with the engine; the caller closes it when `openEngine` rejects. */
  readonly logger: TransactionLogger;
  /** See `SnapshotExportsOptions.stallMs`. Default: 30 s. */
  readonly snapshotStallMs?: number;
}

/** Replays the log, and resolves when the engine is at its end. Rejects with the errors of reading the log. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  return new Engine(options, await openReplayedState(options));
}

/**
 * The parts of the engine, started and stopped together: the state that the log determines, the committer, the tasks in
 * the background, and the task that follows other writers of the log.
 */
export class Engine {
  readonly state: ReplayedState;
  readonly logger: TransactionLogger;
  /** As clients and backups know it, in hexadecimal. */
  readonly storeId: string;
  readonly clock: Clock;
  readonly replicas: Replicas;
  readonly applier: Applier;
  readonly committer: Committer;
  readonly compactor: Compactor;
  readonly expirer: Expirer;
  /** Undefined where the log has one owner only. */
  readonly comparison: ReplicaComparison | undefined;
  readonly snapshots: SnapshotExports;
  readonly #following = new AbortController();
  readonly #followed: Promise<void>;
  readonly #lost = Promise.withResolvers<unknown>();
  #followsLog = true;

  constructor(options: EngineOptions, state: ReplayedState) {
    const { logger, limits, log, tracer } = options;
    const { store, requests, quotas, history, garbage, freshness } = state;
    const clock = logger.clock ? createSharedClock(logger.clock) : createClock(store.time);
    const compactor = new Compactor({
      store,
      requests,
      history,
      garbage,
      logger,
      bytesMin: limits.compactionBytesMin,
      onError(error) {
        const isDamage = error instanceof DuetError && error.reason === "LOG_CORRUPT";
        if (isDamage) log.error({ err: error }, "compaction found the log damaged");
        else log.warn({ err: error }, "compaction failed; it will be tried again");
      },
    });
    compactor.check();
    const comparison = logger.shared ? new ReplicaComparison({ store, logger, log }) : undefined;
    const applier = new Applier({
      store,
      logger,
      onApplied(transaction, changes) {
        state.applied(transaction, changes);
        comparison?.applied();
      },
      onRun() {
        freshness.applied(store.revision);
        compactor.check();
      },
    });
    const committer = new Committer({ store, requests, quotas, logger, limits, clock, applier, tracer });
    this.state = state;
    this.logger = logger;
    this.storeId = storeIdOf(logger.id);
    this.clock = clock;
    this.replicas = new Replicas(logger, store, clock, (id) => comparison?.differs(id) ?? false);
    this.applier = applier;
    this.committer = committer;
    this.compactor = compactor;
    this.comparison = comparison;
    this.expirer = new Expirer({
      store,
      committer,
      clock,
      trusted: () => (logger.clock?.agrees ?? true) && this.replicas.writer()?.self !== false,
      onError: (error) => log.debug({ err: error }, "expired entries not deleted yet"),
    });
    this.snapshots = new SnapshotExports({
      store,
      storeId: this.storeId,
      keptBytesMax: limits.snapshotBytesMax,
      stallMs: options.snapshotStallMs ?? 30_000,
    });
    this.#followed = applier.follow(this.#following.signal).catch((error: unknown) => {
      log.error({ err: error }, "following the log ended; this replica must start again");
      this.#stopFollowing(error);
    });
  }

  /** Resolves with the cause when this replica can no longer follow the log and a restart helps. */
  get lost(): Promise<unknown> {
    return this.#lost.promise;
  }

  /** Whether this replica receives the writes of other replicas. */
  get followsLog(): boolean {
    return this.#followsLog;
  }

  /**
   * Whether others may let this replica append: what it evaluates is right, its log takes it, and its clock, by which it
   * expires entries for all, agrees.
   */
  get isSound(): boolean {
    const { logger, comparison } = this;
    const isAtFault = logger.fault !== undefined || comparison?.fault !== undefined;
    return !isAtFault && this.#followsLog && (logger.clock?.agrees ?? true);
  }

  /** Ends watches, and reads that wait for a revision of the future, including later ones. All else continues until `close`. */
  drain(): void {
    this.state.hub.close();
    this.state.freshness.drain();
  }

  /** Drains, finishes the waiting writes, and closes the log. */
  async close(): Promise<void> {
    this.drain();
    this.state.freshness.close();
    this.expirer.close();
    this.compactor.close();
    await this.committer.close();
    this.#following.abort();
    // `follow` may be waiting for a database that does not respond; closing the log ends that.
    await Promise.all([this.#followed, this.logger.close()]);
  }

  #stopFollowing(error: unknown): void {
    this.#followsLog = false;
    if (!(error instanceof DuetError && error.reason === "DATABASE_WENT_BACK_IN_TIME")) {
      return this.#lost.resolve(error);
    }
    // The process stays, because it may hold the only copy of the lost transactions. But waiting calls must end.
    this.state.hub.close(error);
    this.state.freshness.close(error);
  }
}

/**
 * Not the id of the log itself, which marks its frames: nobody outside may be able to write a value that looks like frames
 * that follow a torn one.
 */
function storeIdOf(logId: string): string {
  return createHash("sha256").update("store").update(logId).digest("hex").slice(0, 16);
}
