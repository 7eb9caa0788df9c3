import { setTimeout as delay } from "node:timers/promises";
import { DuetError } from "../../../errors.ts";
import type { LogSink } from "../../log-sink.ts";
import { backoffMs } from "../connection/backoff.ts";
import type { Connection } from "../connection/connection.ts";
import type { Connections } from "../connection/connections.ts";
import { isFull, withoutDetails } from "../connection/database-error.ts";
import { Doorbell } from "../connection/doorbell.ts";
import { refreshHead } from "../follow/head.ts";
import type { History } from "../follow/history.ts";
import type { DatabaseClock } from "./database-clock.ts";
import { probeSpace, probeSpaceBytes } from "./space-probe.ts";

/** A process that was paused during a beat finds its answer a moment after it goes on. */
const resumedMs = 500;

export interface Replica {
  readonly id: string;
  /** For people. */
  readonly name: string;
}

/** What a replica has applied, according to the list, as long as it has not replayed the log. */
export const startingApplied = -1;

export interface HeartbeatOptions {
  readonly connections: Connections;
  readonly history: History;
  readonly clock: DatabaseClock;
  readonly log: LogSink;
  readonly replica: Replica;
  /** From the beginning of one beat to that of the next. */
  readonly heartbeatMs: number;
  /** How long a beat that has committed shows that the database is the primary, counted from its beginning. */
  readonly heartbeatValidMs: number;
  /** How long a close may take to tell the others. */
  readonly leavingMs: number;
}

/**
 * Tells the other replicas that this one lives and how far its owner has come, by the clock of the database. Because it
 * writes, it is also the probe of whether the log takes writes, and whether the database is the primary: one that was
 * cut off from its synchronous standby commits nothing.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #closed = new AbortController();
  readonly #due = new Doorbell();
  #applied = startingApplied;
  #fault: DuetError | undefined;
  /** How many beats in a row have failed. */
  #failures = 0;
  /** When the newest beat that has committed began, and the one that is under way. */
  #committed = Number.NEGATIVE_INFINITY;
  #began: number | undefined;
  #settled = Promise.withResolvers<void>();
  /** What a write must hold to show that a full disk has room again; 0 unless the disk is full. */
  #spaceBytes = 0;
  #running: Promise<void> | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    options.connections.onServerChange = () => {
      this.#committed = Number.NEGATIVE_INFINITY;
    };
  }

  /** Resolves after the first beat. The replica is known to the others already. Rejects with the driver's error. */
  async start(): Promise<void> {
    await this.#beat();
    this.#running = this.#run();
  }

  /** LOG_UNAVAILABLE while the database does not take writes. */
  get fault(): DuetError | undefined {
    return this.#fault;
  }

  /** Compaction may drop what replicas need that have not come as far. */
  get applied(): number {
    return this.#applied;
  }

  setApplied(sequence: number): void {
    if (sequence > this.#applied) this.#applied = sequence;
  }

  /** Whether a beat that began less than `heartbeatValidMs` ago has committed. */
  get valid(): boolean {
    return performance.now() - this.#committed < this.#options.heartbeatValidMs;
  }

  /**
   * Resolves when there is such a beat: at once, or when the one that is due or under way commits soon. Rejects with
   * LOG_UNAVAILABLE.
   */
  async validated(): Promise<void> {
    if (this.valid) return;
    const { heartbeatValidMs: validMs } = this.#options;
    if (this.#failures === 0 && !this.#closed.signal.aborted) {
      this.#due.ring();
      const leftMs = (this.#began ?? performance.now()) + validMs - performance.now();
      const waitMs = Math.max(leftMs, resumedMs);
      await Promise.race([this.#settled.promise, delay(waitMs, undefined, { ref: false })]);
      if (this.valid) return;
    }
    throw new DuetError(
      "LOG_UNAVAILABLE",
      `linearizable reads are refused: no heartbeat of this replica has committed for ${validMs} ms, so the database ` +
        "may not be the primary any more; try again, or read with consistency LOCAL",
    );
  }

  /**
   * Something went wrong with the database: from now on there is a fault, until a beat succeeds. `bytes`: the size of the
   * write that failed, if it was one.
   */
  suspect(error: unknown, bytes = 0): void {
    if (isFull(error)) this.#spaceBytes = Math.max(this.#spaceBytes, bytes, probeSpaceBytes);
    this.#committed = Number.NEGATIVE_INFINITY;
    if (this.#fault === undefined) this.#due.ring();
    this.#fail(error);
  }

  /** Writes what a beat writes. Resolves when it is committed; rejects with the driver's error. */
  async write(connection: Connection): Promise<void> {
    const { clock, replica } = this.#options;
    const began = performance.now();
    const databaseTime = await sayAlive(connection, replica, this.#applied);
    clock.learn(databaseTime, began, performance.now());
  }

  /** Beats at once. */
  async now(): Promise<void> {
    await this.#beat();
  }

  /** Something else has shown that the log takes writes: an append, or a beat. A small one shows nothing of a full disk. */
  recover(): void {
    if (this.#fault === undefined || this.#spaceBytes > 0) return;
    this.#options.log.info({ sequence: this.#options.history.seen.sequence }, "the database answers again");
    this.#fault = undefined;
    if (this.#failures === 0) return;
    // Linearizable reads need a beat: after an append it runs at once, not after the backoff.
    this.#failures = 0;
    this.#due.ring();
  }

  /** Takes the replica out of the list, if the database can be reached soon; otherwise it will count as dead. */
  async close(): Promise<void> {
    this.#closed.abort();
    const { connections, replica, leavingMs } = this.#options;
    const leaving = (async () => {
      await this.#running;
      await connections.withConnection((connection) =>
        connection.query({ text: "DELETE FROM duetkv.replicas WHERE id = $1::uuid", values: [replica.id] }),
      );
    })().catch(() => {});
    await Promise.race([leaving, delay(leavingMs, undefined, { ref: false })]);
  }

  async #run(): Promise<void> {
    const { heartbeatMs: intervalMs, history } = this.#options;
    const { signal } = this.#closed;
    let next = performance.now() + intervalMs;
    while (!signal.aborted) {
      const waitMs = this.#failures === 0 ? next - performance.now() : backoffMs(this.#failures);
      await this.#due.wait(Math.max(0, waitMs), signal);
      if (signal.aborted) return;
      next = performance.now() + intervalMs;
      try {
        await this.#beat();
        this.#failures = 0;
        this.recover();
      } catch (error) {
        // Who follows the log hears of it.
        if (history.fault) return;
        this.#failures++;
        this.suspect(error);
      } finally {
        this.#settled.resolve();
        this.#settled = Promise.withResolvers<void>();
      }
    }
  }

  #fail(error: unknown): void {
    if (this.#closed.signal.aborted) return;
    const cause = withoutDetails(error);
    if (this.#fault === undefined) {
      this.#options.log.warn({ err: cause }, "the database fails; the log takes no writes until it answers");
    }
    const message =
      this.#spaceBytes > 0
        ? `the database lacks disk space or memory; tried again until a write of ${this.#spaceBytes} bytes succeeds`
        : "the database of the log does not answer";
    this.#fault = new DuetError("LOG_UNAVAILABLE", message, { cause });
  }

  async #beat(): Promise<void> {
    const { connections, history } = this.#options;
    const began = performance.now();
    this.#began = began;
    try {
      await connections.withConnection(async (connection) => {
        await this.write(connection);
        await refreshHead(connection, history);
      });
      if (this.#spaceBytes > 0) await probeSpace(connections, this.#spaceBytes);
      this.#spaceBytes = 0;
      this.#committed = Math.max(this.#committed, began);
    } finally {
      this.#began = undefined;
    }
  }
}

/** Makes the replica known to the others, or known to be alive still. Resolves with the time of the database. */
export async function sayAlive(
  connection: Connection,
  { id, name }: Replica,
  applied: number,
): Promise<number> {
  const { rows } = await connection.query({
    name: "duetkv-heartbeat",
    text: `INSERT INTO duetkv.replicas (id, name, applied, seen)
      VALUES ($1::uuid, $2, $3::bigint, clock_timestamp())
      ON CONFLICT (id) DO UPDATE SET applied = EXCLUDED.applied, seen = EXCLUDED.seen
      RETURNING (extract(epoch FROM seen) * 1000)::double precision AS time`,
    values: [id, name, applied],
  });
  return rows[0]?.["time"] as number;
}
