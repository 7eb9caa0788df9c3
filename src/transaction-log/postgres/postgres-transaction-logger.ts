import { DuetError } from "../../errors.ts";
import type { LogSink } from "../log-sink.ts";
import type { AppendOutcome, Transaction, TransactionLogger } from "../transaction-logger.ts";
import { Appender } from "./appender.ts";
import { compact } from "./compaction.ts";
import type { Connections } from "./connections.ts";
import type { DatabaseClock } from "./database-clock.ts";
import { withoutDetails } from "./database-error.ts";
import { Follower } from "./follow.ts";
import { Head } from "./head.ts";
import type { Heartbeat } from "./heartbeat.ts";
import { asRefusal, type History } from "./history.ts";
import { Listener } from "./listener.ts";
import type { OpenOptions } from "./open-postgres-transaction-logger.ts";
import { OwnAppends } from "./own-appends.ts";
import { replay } from "./replay.ts";

/**
 * A log in a PostgreSQL database that any number of replicas share. Made by `openPostgresTransactionLogger`; see
 * docs/replicas.md.
 */
export class PostgresTransactionLogger implements TransactionLogger {
  readonly shared = true;
  readonly clock: DatabaseClock;
  readonly #options: OpenOptions;
  readonly #connections: Connections;
  readonly #history: History;
  readonly #heartbeat: Heartbeat;
  readonly #log: LogSink;
  readonly #head: Head;
  readonly #appender: Appender;
  readonly #listener: Listener;
  readonly #own = new OwnAppends();
  readonly #followers = new Set<Follower>();
  readonly #closed = new AbortController();
  /** The newest sequence that a notification told of. */
  #notified = 0;
  #appending: Promise<unknown> | undefined;
  #compaction: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    options: OpenOptions,
    connections: Connections,
    history: History,
    heartbeat: Heartbeat,
    clock: DatabaseClock,
  ) {
    this.clock = clock;
    this.#options = options;
    this.#connections = connections;
    this.#history = history;
    this.#heartbeat = heartbeat;
    this.#log = options.log;
    this.#head = new Head(connections, history);
    this.#appender = new Appender({
      connections,
      history,
      own: this.#own,
      newest: () => this.#newest,
      commitRow: (connection) => heartbeat.write(connection),
      outcomeMs: options.outcomeMs,
      stoppingMs: options.stoppingMs,
      stopping: options.stopping,
      onTrouble: (error, bytes) => heartbeat.suspect(error, bytes),
      onAppended: () => heartbeat.recover(),
      signal: this.#closed.signal,
    });
    this.#listener = new Listener(options, options.log, (sequence) => {
      if (Number.isSafeInteger(sequence)) this.#notified = sequence;
      this.#wakeFollowers();
    });
    history.onAdvance = () => this.#wakeFollowers();
  }

  get horizon(): number {
    return this.#history.horizon;
  }

  get fault(): Error | undefined {
    return this.#history.fault ?? this.#heartbeat.fault;
  }

  async *readTransactions(after: number): AsyncGenerator<readonly Transaction[]> {
    this.#assertOpen();
    const { pageLimits } = this.#options;
    try {
      yield* replay(this.#connections, this.#history, after, pageLimits);
    } catch (error) {
      throw this.#translate(error);
    }
  }

  async append(basis: number, transactions: readonly Transaction[]): Promise<AppendOutcome> {
    this.#assertOpen();
    transactions.forEach(({ sequence }, index) => {
      if (sequence === basis + 1 + index) return;
      throw new Error(`sequence ${sequence} stands where ${basis + 1 + index} should`);
    });
    const appending = this.#appender.append(basis, transactions);
    this.#appending = appending;
    return appending;
  }

  async *follow(after: number, signal: AbortSignal): AsyncGenerator<readonly Transaction[]> {
    this.#assertOpen();
    const { pageLimits, pollMs, listenPollMs, listen } = this.#options;
    const follower = new Follower(
      {
        connections: this.#connections,
        history: this.#history,
        own: this.#own,
        limits: pageLimits,
        log: this.#log,
        newest: () => this.#newest,
        applied: () => this.#heartbeat.applied,
        pollMs: () => (this.#listener.listening ? listenPollMs : pollMs),
      },
      after,
    );
    this.#followers.add(follower);
    if (listen) this.#listener.start();
    try {
      for await (const transactions of follower.read(AbortSignal.any([signal, this.#closed.signal]))) {
        yield transactions;
        this.#forgetOwn();
      }
    } finally {
      this.#followers.delete(follower);
    }
  }

  /** Rejects also when no heartbeat has committed for a while: the database may not be the primary any more. */
  async latestSequence(): Promise<number> {
    this.#assertOpen();
    try {
      const sequence = await this.#head.latestSequence();
      if (!this.#heartbeat.valid) await this.#heartbeat.validated();
      return sequence;
    } catch (error) {
      throw asRefusal(this.#translate(error));
    }
  }

  applied(sequence: number): void {
    this.#heartbeat.setApplied(sequence);
  }

  /** Rejects also when a live replica has not come to `horizon` in time; does nothing when another one is at it. */
  compact(horizon: number, isLive: (key: string, sequence: number) => boolean): Promise<void> {
    this.#compaction ??= this.#compact(horizon, isLive).finally(() => {
      this.#compaction = undefined;
    });
    return this.#compaction;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #compact(horizon: number, isLive: (key: string, sequence: number) => boolean): Promise<void> {
    this.#assertOpen();
    if (horizon <= this.horizon) return;
    // It is the owner's state that tells what is live.
    this.applied(horizon);
    const { replicaTimeoutMs, compactionWaitMs, compactionSilenceMs, pageLimits } = this.#options;
    try {
      await this.#heartbeat.now();
      const done = await compact({
        connections: this.#connections,
        history: this.#history,
        horizon,
        isLive,
        limits: pageLimits,
        replicaTimeoutMs,
        waitMs: compactionWaitMs,
        silenceMs: compactionSilenceMs,
        signal: this.#closed.signal,
      });
      if (!done) this.#log.info({ horizon }, "another replica compacts the log");
    } catch (error) {
      throw this.#translate(error);
    }
  }

  async #close(): Promise<void> {
    this.#closed.abort();
    await this.#appending?.catch(() => {});
    this.#appender.close();
    await this.#compaction?.catch(() => {});
    await Promise.all([this.#listener.close(), this.#heartbeat.close()]);
    await this.#connections.close();
  }

  /** The newest sequence that is known or was heard of. */
  get #newest(): number {
    return Math.max(this.#notified, this.#history.seen.sequence);
  }

  #wakeFollowers(): void {
    for (const { bell } of this.#followers) bell.ring();
  }

  #forgetOwn(): void {
    this.#own.forget(Math.min(...[...this.#followers].map(({ position }) => position)));
  }

  #assertOpen(): void {
    if (this.#closing) throw new DuetError("LOG_UNAVAILABLE", "the log is closed");
    if (this.#history.fault) throw asRefusal(this.#history.fault);
  }

  #translate(error: unknown): DuetError {
    if (error instanceof DuetError) return error;
    if (this.#closing) return new DuetError("LOG_UNAVAILABLE", "the log is closed");
    this.#heartbeat.suspect(error);
    return new DuetError("LOG_UNAVAILABLE", "the database of the log does not answer", {
      cause: withoutDetails(error),
    });
  }
}
