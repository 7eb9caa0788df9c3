import type { Connection } from "./connection.ts";
import type { Connections } from "./connections.ts";
import { lockSpace } from "./migrations.ts";

const turnLock = 3;

/** The server ends the session of a holder that has fallen silent: a paused replica must not stop the others for long. */
const silenceMs = 2_000;

/** A turn that its holder does not use is given back sooner. */
const unusedMs = 500;

/** Every append takes it, shared, so that appends wait while somebody has a turn, or waits for one. */
export const awaitTurns = `pg_advisory_xact_lock_shared(${lockSpace}, ${turnLock})`;

/** Ends a turn of this session, if it has one. Part of the append, so that it takes no time of its own. */
export const endTurn = `pg_advisory_unlock(${lockSpace}, ${turnLock})`;

/**
 * The right to append next, for a writer that came too late: a writer that succeeds knows the end of
 * the log and can go on at once, while the others still read what it wrote. Turns are given in the order in which they
 * were asked for. A turn is a session that holds a lock.
 */
export class Turn {
  readonly #connections: Connections;
  readonly #connection: Connection;
  readonly #timer: NodeJS.Timeout;
  #over = false;

  private constructor(connections: Connections, connection: Connection) {
    this.#connections = connections;
    this.#connection = connection;
    this.#timer = setTimeout(() => this.giveUp(), unusedMs);
  }

  /** Resolves when it is this writer's turn. Rejects with the driver's error. */
  static async take(connections: Connections): Promise<Turn> {
    const connection = await connections.take();
    try {
      await connection.query({
        text: `SELECT set_config('idle_session_timeout', '${silenceMs}', false), pg_advisory_lock(${lockSpace}, ${turnLock})`,
      });
      return new Turn(connections, connection);
    } catch (error) {
      connections.drop(connection);
      throw error;
    }
  }

  get over(): boolean {
    return this.#over;
  }

  /** Uses up the turn for an append, which ends it. Rejects with the driver's error. */
  async use(append: (connection: Connection) => Promise<boolean>): Promise<boolean> {
    this.#end();
    let appended = false;
    try {
      appended = await append(this.#connection);
      return appended;
    } finally {
      if (appended) void this.#giveBack();
      else this.#connections.drop(this.#connection);
    }
  }

  giveUp(): void {
    if (this.#over) return;
    this.#end();
    // The server ends the lock with the session.
    this.#connections.drop(this.#connection);
  }

  async #giveBack(): Promise<void> {
    try {
      await this.#connection.query({ text: "SELECT set_config('idle_session_timeout', '0', false)" });
      this.#connections.giveBack(this.#connection);
    } catch {
      this.#connections.drop(this.#connection);
    }
  }

  #end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }
}
