import { setTimeout as delay } from "node:timers/promises";
import { DuetError } from "../../errors.ts";
import type { LogSink } from "../log-sink.ts";
import { backoffMs } from "./backoff.ts";
import type { Connection } from "./connection.ts";
import type { Connections } from "./connections.ts";
import { withoutDetails } from "./database-error.ts";
import { Doorbell } from "./doorbell.ts";
import { refreshHead } from "./head.ts";
import type { History } from "./history.ts";

/** How long a close may take to say so to the others. */
const leavingMs = 1_000;

export interface Replica {
  readonly id: string;
  /** For people. */
  readonly name: string;
}

export interface HeartbeatOptions {
  readonly connections: Connections;
  readonly history: History;
  readonly log: LogSink;
  readonly replica: Replica;
  readonly intervalMs: number;
}

/**
 * Tells the other replicas that this one lives and how far its owner has come, by the clock of the database. Because it
 * writes, it is also the probe of whether the log takes writes.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #closed = new AbortController();
  readonly #due = new Doorbell();
  #applied = 0;
  #fault: DuetError | undefined;
  #running: Promise<void> | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Beats until it is closed. The replica must be known to the others already. */
  start(): void {
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

  /** Something went wrong with the database: from now on there is a fault, until a beat succeeds. */
  suspect(error: unknown): void {
    if (this.#fault === undefined) this.#due.ring();
    this.#fail(error);
  }

  /** Writes what a beat writes. Resolves when it is committed; rejects with the driver's error. */
  async write(connection: Connection): Promise<void> {
    await sayAlive(connection, this.#options.replica, this.#applied);
  }

  /** Beats at once. */
  async now(): Promise<void> {
    await this.#beat();
  }

  /** Something else has shown that the log takes writes. */
  recover(): void {
    if (this.#fault === undefined) return;
    this.#options.log.info({ sequence: this.#options.history.seen.sequence }, "the database answers again");
    this.#fault = undefined;
  }

  /** Takes the replica out of the list, if the database can be reached soon; otherwise it will count as dead. */
  async close(): Promise<void> {
    this.#closed.abort();
    const { connections, replica } = this.#options;
    const leaving = (async () => {
      await this.#running;
      await connections.withConnection((connection) =>
        connection.query({ text: "DELETE FROM duetkv.replicas WHERE id = $1::uuid", values: [replica.id] }),
      );
    })().catch(() => {});
    await Promise.race([leaving, delay(leavingMs, undefined, { ref: false })]);
  }

  async #run(): Promise<void> {
    const { intervalMs, history } = this.#options;
    const { signal } = this.#closed;
    let failures = 0;
    while (!signal.aborted) {
      await this.#due.wait(failures === 0 ? intervalMs : backoffMs(failures), signal);
      if (signal.aborted) return;
      try {
        await this.#beat();
        failures = 0;
        this.recover();
      } catch (error) {
        // Who follows the log hears of it.
        if (history.fault) return;
        failures++;
        this.#fail(error);
      }
    }
  }

  #fail(error: unknown): void {
    if (this.#closed.signal.aborted) return;
    const cause = withoutDetails(error);
    if (this.#fault === undefined) {
      this.#options.log.warn({ err: cause }, "the database fails; the log takes no writes until it answers");
    }
    this.#fault = new DuetError("LOG_UNAVAILABLE", "the database of the log does not answer", { cause });
  }

  async #beat(): Promise<void> {
    const { connections, history } = this.#options;
    await connections.withConnection(async (connection) => {
      await this.write(connection);
      await refreshHead(connection, history);
    });
  }
}

/** Makes the replica known to the others, or known to be alive still. */
export async function sayAlive(
  connection: Connection,
  { id, name }: Replica,
  applied: number,
): Promise<void> {
  await connection.query({
    name: "duetkv-heartbeat",
    text: `INSERT INTO duetkv.replicas (id, name, applied, seen)
      VALUES ($1::uuid, $2, $3::bigint, clock_timestamp())
      ON CONFLICT (id) DO UPDATE SET applied = EXCLUDED.applied, seen = EXCLUDED.seen`,
    values: [id, name, applied],
  });
}
