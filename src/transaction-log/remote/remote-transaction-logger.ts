import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { DuetError } from "../../errors.ts";
import { backoffMs } from "../shared/backoff.ts";
import { SharedClock } from "../shared/shared-clock.ts";
import { SharedQuery } from "../shared/shared-query.ts";
import type {
  AppendOutcome,
  LogOwner,
  LogUsage,
  Retention,
  Transaction,
  TransactionLogger,
} from "../transaction-logger.ts";
import { Appender, readNewest } from "./appender.ts";
import { encodeBarrier } from "./barrier.ts";
import { compact } from "./compaction.ts";
import type { RemoteLogDriver } from "./driver.ts";
import { Follower } from "./follower.ts";
import { Heartbeat } from "./heartbeat.ts";
import { asRefusal, History } from "./history.ts";
import { encodeHead, type LogHead, readHead } from "./log-head.ts";
import { completeOptions, type RemoteLogOptions } from "./options.ts";
import { OwnAppends } from "./own-appends.ts";
import { replay } from "./replay.ts";

/**
 * Opens the log of `driver`, and makes it if there is none. The logger closes the driver. Rejects with LOG_UNAVAILABLE
 * when the log does not respond in time, with LOG_CORRUPT and with LOG_VERSION; then the driver is closed, too.
 */
export async function openRemoteTransactionLogger(
  driver: RemoteLogDriver,
  given: Parameters<typeof completeOptions>[0],
): Promise<RemoteTransactionLogger> {
  const options = completeOptions(given);
  const until = performance.now() + options.startWaitMs;
  for (let failures = 0; ; failures++) {
    try {
      const head = await findOrMakeHead(driver);
      const logger = new RemoteTransactionLogger(new History(driver, head, options.log), options);
      await logger.start();
      return logger;
    } catch (error) {
      if (error instanceof DuetError || performance.now() > until) {
        await driver.close();
        throw asOpeningError(error);
      }
      if (failures === 1) options.log.warn({ err: error }, "log not reached yet; retrying");
      await delay(backoffMs(failures));
    }
  }
}

/** Reads the head of a log, or makes a new log. Rejects with the driver's error. */
export async function findOrMakeHead(driver: RemoteLogDriver): Promise<LogHead> {
  const found = await findHead(driver);
  if (found !== undefined) return found;
  const head: LogHead = {
    log: randomBytes(16).toString("hex"),
    horizon: 0,
    snapshot: undefined,
    cursor: { position: 0, sequence: 0, batch: undefined },
  };
  // Another process may be making it, too: the log decides.
  await driver.trySetHead(0, encodeHead(head));
  const made = await findHead(driver);
  if (made === undefined) throw new Error("the log did not take its head");
  return made;
}

async function findHead(driver: RemoteLogDriver): Promise<LogHead | undefined> {
  const found = await readHead(driver, await driver.barrier(encodeBarrier("", 0)));
  return found?.head;
}

function asOpeningError(error: unknown): unknown {
  if (error instanceof DuetError) return error;
  const message = `opening the log failed: ${error instanceof Error ? error.message : String(error)}`;
  return new DuetError("LOG_UNAVAILABLE", message, { cause: error });
}

/** A log on a replicated engine, shared by any number of replicas. `openRemoteTransactionLogger` creates it. */
export class RemoteTransactionLogger implements TransactionLogger {
  readonly shared = true;
  readonly clock: SharedClock;
  readonly #replica = randomUUID();
  readonly #options: RemoteLogOptions;
  readonly #history: History;
  readonly #heartbeat: Heartbeat;
  readonly #appender: Appender;
  readonly #own = new OwnAppends();
  readonly #followers = new Set<Follower>();
  readonly #newest: SharedQuery<number>;
  readonly #closed = new AbortController();
  #appendedBytes = 0;
  #appending: Promise<unknown> | undefined;
  #compaction: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(history: History, options: RemoteLogOptions) {
    const { driver } = history;
    this.#history = history;
    this.#options = options;
    this.clock = new SharedClock(options.log);
    const heartbeat = new Heartbeat({ ...options, history, clock: this.clock, replica: this.#replica });
    this.#heartbeat = heartbeat;
    this.#appender = new Appender({
      ...options,
      history,
      own: this.#own,
      signal: this.#closed.signal,
      onTrouble: (error) => heartbeat.suspect(error),
      onAppended: (bytes) => {
        this.#appendedBytes += bytes;
      },
    });
    this.#newest = new SharedQuery(async () => {
      await readNewest(history, history.seen);
      return history.seen.sequence;
    });
    driver.onRing = (position) => this.#hint(position);
    history.onAdvance = () => this.#hint(history.seen.position);
  }

  /** Called once, before everything else. From then on compaction waits for this replica. */
  async start(): Promise<void> {
    await this.#heartbeat.start();
  }

  get id(): string {
    return this.#history.id;
  }

  get horizon(): number {
    return this.#history.horizon;
  }

  get fault(): Error | undefined {
    return this.#history.fault ?? this.#history.driver.fault ?? this.#heartbeat.fault;
  }

  get usage(): LogUsage {
    return {
      appendedBytes: this.#appendedBytes,
      unconfirmedAppends: this.#appender.unconfirmed,
      damagedReads: this.#history.damagedReads,
    };
  }

  async *readTransactions(after: number): AsyncGenerator<readonly Transaction[]> {
    this.#assertOpen();
    try {
      yield* replay(this.#history, after);
    } catch (error) {
      throw this.#translate(error);
    }
  }

  async append(basis: number, transactions: readonly Transaction[]): Promise<AppendOutcome> {
    this.#assertOpen();
    transactions.forEach(({ sequence }, index) => {
      if (sequence === basis + 1 + index) return;
      throw new Error(`invalid batch: sequence is ${sequence}; expected ${basis + 1 + index}`);
    });
    const { fault } = this.#history.driver;
    if (fault) throw asRefusal(fault);
    const appending = this.#appender.append(basis, transactions);
    this.#appending = appending;
    return appending;
  }

  async *follow(after: number, signal: AbortSignal): AsyncGenerator<readonly Transaction[]> {
    this.#assertOpen();
    const follower = new Follower({
      history: this.#history,
      own: this.#own,
      after,
      applied: () => this.#heartbeat.applied,
      pollMs: this.#options.pollMs,
    });
    this.#followers.add(follower);
    try {
      for await (const transactions of follower.read(AbortSignal.any([signal, this.#closed.signal]))) {
        yield transactions;
        this.#own.forget(Math.min(...[...this.#followers].map(({ position }) => position)));
      }
    } finally {
      this.#followers.delete(follower);
    }
  }

  /** Writes a barrier, which only a majority can confirm: an isolated copy cannot be read. */
  async latestSequence(): Promise<number> {
    this.#assertOpen();
    try {
      return await this.#newest.result();
    } catch (error) {
      throw asRefusal(this.#translate(error));
    }
  }

  applied(sequence: number, hash?: () => string): void {
    this.#heartbeat.setApplied(sequence, hash);
  }

  advertise(address: () => string | undefined): void {
    this.#heartbeat.advertise(address);
  }

  get owners(): readonly LogOwner[] {
    return this.#heartbeat.owners;
  }

  set onOwners(listener: () => void) {
    this.#heartbeat.onOwners = listener;
  }

  /** Rejects also when a live replica does not apply the horizon in time. Does nothing when another replica is compacting. */
  compact(retention: Retention): Promise<void> {
    this.#compaction ??= this.#compact(retention).finally(() => {
      this.#compaction = undefined;
    });
    return this.#compaction;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #compact(retention: Retention): Promise<void> {
    const { horizon } = retention;
    this.#assertOpen();
    if (horizon <= this.horizon) return;
    // The retention is made of the owner's state, so the owner has applied the horizon.
    this.applied(horizon);
    const { replicaTimeoutMs, compactionWaitMs, outcomeMs, log } = this.#options;
    try {
      const done = await compact({
        history: this.#history,
        heartbeat: this.#heartbeat,
        replica: this.#replica,
        retention,
        replicaTimeoutMs,
        waitMs: compactionWaitMs,
        outcomeMs,
        signal: this.#closed.signal,
      });
      if (!done) log.info({ horizon }, "compaction skipped: another replica is compacting");
    } catch (error) {
      throw this.#translate(error);
    }
  }

  async #close(): Promise<void> {
    this.#closed.abort();
    await this.#appending?.catch(() => {});
    await this.#compaction?.catch(() => {});
    await this.#heartbeat.close();
    await this.#history.driver.close();
  }

  #hint(position: number): void {
    for (const follower of this.#followers) follower.hint(position);
  }

  #assertOpen(): void {
    if (this.#closing) throw new DuetError("LOG_UNAVAILABLE", "the log is closed");
    const { fault } = this.#history;
    if (fault) throw asRefusal(fault);
  }

  #translate(error: unknown): DuetError {
    if (error instanceof DuetError) return error;
    if (this.#closing) return new DuetError("LOG_UNAVAILABLE", "the log is closed");
    this.#heartbeat.suspect(error);
    return asRefusal(error);
  }
}
