import { setTimeout as delay } from "node:timers/promises";
import { DuetError } from "../../../errors.ts";
import type { LogSink } from "../../log-sink.ts";
import { backoffMs } from "../../shared/backoff.ts";
import { Doorbell } from "../../shared/doorbell.ts";
import type { SharedClock } from "../../shared/shared-clock.ts";
import type { Connection } from "../connection/connection.ts";
import type { Connections } from "../connection/connections.ts";
import { isFull, withoutDetails } from "../connection/database-error.ts";
import { refreshHead } from "../follow/head.ts";
import type { History } from "../follow/history.ts";
import type { Owners } from "./owners.ts";
import { probeSpace, probeSpaceBytes } from "./space-probe.ts";

/** A process that was paused during a beat receives the response shortly after it resumes. */
const resumedMs = 500;

export interface Replica {
  readonly id: string;
  /** For operators. */
  readonly name: string;
}

/** `applied` of a replica in `duetkv.replicas` until it has replayed the log. */
export const startingApplied = -1;

/** What a replica says of itself in its row. */
interface Beat {
  readonly applied: number;
  /** Of the state at `applied`; undefined during the replay. */
  readonly hash: string | undefined;
  /** Where it takes operations of the others, as HOST:PORT; undefined: it takes none. */
  readonly address: string | undefined;
}

/** That of a replica that has not replayed the log. */
export const startingBeat: Beat = { applied: startingApplied, hash: undefined, address: undefined };

export interface HeartbeatOptions {
  readonly connections: Connections;
  readonly history: History;
  readonly clock: SharedClock;
  readonly owners: Owners;
  readonly log: LogSink;
  readonly replica: Replica;
  /** From the start of one beat to the start of the next. */
  readonly heartbeatMs: number;
  /** How long a committed beat proves that the database is the primary, counted from the start of the beat. */
  readonly heartbeatValidMs: number;
  /** How long a close may take to delete the row of this replica. */
  readonly leavingMs: number;
}

/**
 * Records, by the clock of the database, that this replica is alive and which sequence its owner has applied. Each beat is
 * a write, so it also probes whether the log accepts writes and whether the database is the primary: a primary without
 * its synchronous standby commits nothing.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #closed = new AbortController();
  readonly #due = new Doorbell();
  #applied = startingApplied;
  #hash: (() => string) | undefined;
  #address: () => string | undefined = () => undefined;
  #fault: DuetError | undefined;
  /** Failed beats in a row. */
  #failures = 0;
  /** When the newest committed beat began, and the running one. */
  #committed = Number.NEGATIVE_INFINITY;
  #began: number | undefined;
  #settled = Promise.withResolvers<void>();
  /** The size of a write that proves space on a full disk; 0 unless the disk is full. */
  #spaceBytes = 0;
  #running: Promise<void> | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    options.connections.onServerChange = () => {
      this.#committed = Number.NEGATIVE_INFINITY;
    };
  }

  /** Resolves after the first beat. The row of the replica exists already. Rejects with the driver's error. */
  async start(): Promise<void> {
    await this.#beat();
    this.#running = this.#run();
  }

  /** LOG_UNAVAILABLE while the database does not accept writes. */
  get fault(): DuetError | undefined {
    return this.#fault;
  }

  /** The newest sequence that the owner has applied; compaction does not pass it. */
  get applied(): number {
    return this.#applied;
  }

  get owners(): Owners {
    return this.#options.owners;
  }

  setApplied(sequence: number, hash = this.#hash): void {
    if (sequence > this.#applied) this.#applied = sequence;
    this.#hash = hash;
  }

  /** `address` is called for each beat. The next one is made at once: the others shall know soon. */
  advertise(address: () => string | undefined): void {
    this.#address = address;
    this.#due.ring();
  }

  /** Whether a beat that began less than `heartbeatValidMs` ago has committed. */
  get valid(): boolean {
    return performance.now() - this.#committed < this.#options.heartbeatValidMs;
  }

  /**
   * Resolves when `valid` is true: at once, or when the next or the running beat commits soon. Rejects with
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
      `linearizable reads are refused: no heartbeat has committed for ${validMs} ms, so the database may no longer be ` +
        "the primary; retry, or read with consistency LOCAL",
    );
  }

  /**
   * Called when a request to the database failed: sets the fault until a beat succeeds. `bytes` is the size of the failed
   * write, 0 for other requests.
   */
  suspect(error: unknown, bytes = 0): void {
    if (isFull(error)) this.#spaceBytes = Math.max(this.#spaceBytes, bytes, probeSpaceBytes);
    this.#committed = Number.NEGATIVE_INFINITY;
    if (this.#fault === undefined) this.#due.ring();
    this.#fail(error);
  }

  /** Writes the row of this replica. Resolves when it is committed; rejects with the driver's error. */
  async write(connection: Connection): Promise<void> {
    const { clock, replica } = this.#options;
    const began = performance.now();
    const databaseTime = await recordHeartbeat(connection, replica, {
      applied: this.#applied,
      hash: this.#hash?.(),
      address: this.#address(),
    });
    clock.learn(databaseTime, began, performance.now());
  }

  /** Runs a beat at once. */
  async now(): Promise<void> {
    await this.#beat();
  }

  /** Called when an append or a beat has committed. While the disk is full, that does not end the fault: it may be small. */
  recover(): void {
    if (this.#fault === undefined || this.#spaceBytes > 0) return;
    this.#options.log.info({ sequence: this.#options.history.seen.sequence }, "database connection restored");
    this.#fault = undefined;
    if (this.#failures === 0) return;
    // Linearizable reads need a beat: after an append it runs at once, not after the backoff.
    this.#failures = 0;
    this.#due.ring();
  }

  /** Deletes the row of the replica if the database responds in time; otherwise the replica will count as dead. */
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
        // The follower of the log throws the fault.
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
      this.#options.log.warn({ err: cause }, "database unavailable; writes refused");
    }
    const message =
      this.#spaceBytes > 0
        ? `the database is out of disk space or memory; make room for a write of ${this.#spaceBytes} bytes`
        : "the database of the log is unavailable; the connection is retried";
    this.#fault = new DuetError("LOG_UNAVAILABLE", message, { cause });
  }

  async #beat(): Promise<void> {
    const { connections, history, owners } = this.#options;
    const began = performance.now();
    this.#began = began;
    try {
      await connections.withConnection(async (connection) => {
        await this.write(connection);
        await refreshHead(connection, history);
        await owners.refresh(connection);
      });
      if (this.#spaceBytes > 0) await probeSpace(connections, this.#spaceBytes);
      this.#spaceBytes = 0;
      this.#committed = Math.max(this.#committed, began);
    } finally {
      this.#began = undefined;
    }
  }
}

/** Inserts or updates the row of the replica. Resolves with the time of the database, milliseconds since 1970 UTC. */
export async function recordHeartbeat(
  connection: Connection,
  { id, name }: Replica,
  { applied, hash, address }: Beat,
): Promise<number> {
  const { rows } = await connection.query({
    name: "duetkv-heartbeat",
    text: `INSERT INTO duetkv.replicas (id, name, applied, hash, address, seen)
      VALUES ($1::uuid, $2, $3::bigint, $4, $5, clock_timestamp())
      ON CONFLICT (id) DO UPDATE
        SET applied = EXCLUDED.applied, hash = EXCLUDED.hash, address = EXCLUDED.address, seen = EXCLUDED.seen
      RETURNING (extract(epoch FROM seen) * 1000)::double precision AS time`,
    values: [id, name, applied, hash, address],
  });
  return rows[0]?.["time"] as number;
}
