import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { DuetError } from "../../errors.ts";
import type { LogSink } from "../log-sink.ts";
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
import { Appender } from "./append/appender.ts";
import { OwnAppends } from "./append/own-appends.ts";
import { compact } from "./compaction.ts";
import { Connections } from "./connection/connections.ts";
import { withoutDetails } from "./connection/database-error.ts";
import { migrate } from "./connection/migrations.ts";
import { refuseTransactionPooling } from "./connection/pooling.ts";
import { requirePrivileges } from "./connection/privileges.ts";
import { reachDatabase } from "./connection/reach-database.ts";
import { Follower } from "./follow/follower.ts";
import { readHeader, refreshHead } from "./follow/head.ts";
import { asRefusal, History } from "./follow/history.ts";
import { Listener } from "./follow/listener.ts";
import { replay } from "./follow/replay.ts";
import { Heartbeat, recordHeartbeat, startingBeat } from "./heartbeat/heartbeat.ts";
import { Owners } from "./heartbeat/owners.ts";
import { completeOptions, type OpenOptions, type PostgresTransactionLoggerOptions } from "./options.ts";

/**
 * Opens the log. Resolves when the database and its tables exist and this replica is in `duetkv.replicas`. Rejects with
 * LOG_UNAVAILABLE when the database is unreachable or unusable, and with LOG_VERSION when a later version made its tables.
 */
export async function openPostgresTransactionLogger(
  given: PostgresTransactionLoggerOptions,
): Promise<PostgresTransactionLogger> {
  const options = completeOptions(given);
  const connections = new Connections(options);
  try {
    await reachDatabase(options);
    await refuseTransactionPooling(options);
    await migrate(connections);
    await connections.withConnection(requirePrivileges);
    const replica = { id: randomUUID(), name: given.name ?? `${hostname()}:${process.pid}` };
    const header = await connections.withConnection(async (connection) => {
      // Before the first read: from here on compaction waits for this replica.
      await recordHeartbeat(connection, replica, startingBeat);
      return readHeader(connection);
    });
    const history = new History(header);
    const clock = new SharedClock(options.log);
    const owners = new Owners(replica.id);
    const heartbeat = new Heartbeat({ ...options, connections, history, clock, owners, replica });
    await heartbeat.start();
    return new PostgresTransactionLogger(options, connections, history, heartbeat, clock);
  } catch (error) {
    await connections.close();
    if (error instanceof DuetError) throw error;
    const cause = withoutDetails(error);
    throw new DuetError("LOG_UNAVAILABLE", `opening the database of the log failed: ${cause.message}`, {
      cause,
    });
  }
}

/**
 * A log in a PostgreSQL database, shared by any number of replicas. `openPostgresTransactionLogger` creates it; see
 * docs/replicas.md.
 */
export class PostgresTransactionLogger implements TransactionLogger {
  readonly shared = true;
  readonly clock: SharedClock;
  readonly #options: OpenOptions;
  readonly #connections: Connections;
  readonly #history: History;
  readonly #heartbeat: Heartbeat;
  readonly #log: LogSink;
  readonly #newestSequence: SharedQuery<number>;
  readonly #appender: Appender;
  readonly #listener: Listener;
  readonly #own = new OwnAppends();
  readonly #followers = new Set<Follower>();
  readonly #closed = new AbortController();
  /** The newest sequence of all notifications. */
  #notified = 0;
  #appending: Promise<unknown> | undefined;
  #compaction: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    options: OpenOptions,
    connections: Connections,
    history: History,
    heartbeat: Heartbeat,
    clock: SharedClock,
  ) {
    this.clock = clock;
    this.#options = options;
    this.#connections = connections;
    this.#history = history;
    this.#heartbeat = heartbeat;
    this.#log = options.log;
    this.#newestSequence = new SharedQuery(() =>
      connections.withConnection(async (connection) => (await refreshHead(connection, history)).sequence),
    );
    this.#appender = new Appender({
      connections,
      history,
      own: this.#own,
      newest: () => this.#newest,
      latestSequence: async () => (heartbeat.valid ? history.seen.sequence : this.latestSequence()),
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

  get id(): string {
    return this.#history.id.replaceAll("-", "");
  }

  get horizon(): number {
    return this.#history.horizon;
  }

  get fault(): Error | undefined {
    return this.#history.fault ?? this.#heartbeat.fault;
  }

  get usage(): LogUsage {
    return { connections: this.#connections.counts };
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
      throw new Error(`invalid batch: sequence is ${sequence}; expected ${basis + 1 + index}`);
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

  /** Rejects also when no heartbeat has committed for a while: the database may no longer be the primary. */
  async latestSequence(): Promise<number> {
    this.#assertOpen();
    try {
      for (;;) {
        const sequence = await this.#newestSequence.result();
        if (this.#heartbeat.valid) return sequence;
        await this.#heartbeat.validated();
        // That heartbeat may have been on another server than the query: query again.
      }
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
    return this.#heartbeat.owners.list;
  }

  set onOwners(listener: () => void) {
    this.#heartbeat.owners.onChange = listener;
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
    const { replicaTimeoutMs, compactionWaitMs, compactionSilenceMs, pageLimits } = this.#options;
    try {
      await this.#heartbeat.now();
      const done = await compact({
        connections: this.#connections,
        history: this.#history,
        retention,
        limits: pageLimits,
        replicaTimeoutMs,
        waitMs: compactionWaitMs,
        silenceMs: compactionSilenceMs,
        signal: this.#closed.signal,
      });
      if (!done) this.#log.info({ horizon }, "compaction skipped: another replica is compacting");
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

  /** The newest sequence, read or notified. */
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
    return new DuetError("LOG_UNAVAILABLE", "the database of the log is unavailable; retry later", {
      cause: withoutDetails(error),
    });
  }
}
