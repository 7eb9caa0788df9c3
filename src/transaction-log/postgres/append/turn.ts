import type { Connection } from "../connection/connection.ts";
import type { Connections } from "../connection/connections.ts";
import { lockSpace } from "../connection/migrations.ts";

const turnLock = 3;

/** The server ends the session of a silent holder: a paused replica must not stop the others for long. */
const silenceMs = 2_000;

/** An unused turn ends sooner. */
const unusedMs = 500;

/** After an append, a holder with nothing more to append must not keep the others waiting. */
const idleMs = 2;

/** Each append takes the lock in shared mode, so appends wait while another writer has a turn or waits for one. */
export const awaitTurns = `pg_advisory_xact_lock_shared(${lockSpace}, ${turnLock})`;

/** Ends the turn of this session. In the statement of the last append it needs no round trip. */
export const endTurn = `pg_advisory_unlock(${lockSpace}, ${turnLock}), set_config('idle_session_timeout', '0', false)`;

/**
 * The right to append next, for a writer that lost to another. Without turns the same writer would win again: it has the
 * end of the log at once, while the others still read its batch. Turns are granted in the order of the requests. A turn is
 * a session that holds an advisory lock.
 */
export class Turn {
  readonly #connections: Connections;
  readonly #connection: Connection;
  #timer: NodeJS.Timeout;
  #end: number | undefined;
  #over = false;
  #idled = false;

  private constructor(connections: Connections, connection: Connection) {
    this.#connections = connections;
    this.#connection = connection;
    this.#timer = setTimeout(() => this.giveUp(), unusedMs);
  }

  /** Resolves when the lock is granted. Rejects with the driver's error. */
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

  /** Whether the turn ended because its holder had nothing more to append. */
  get idled(): boolean {
    return this.#idled;
  }

  /**
   * Uses the turn for an append, one at a time. The turn ends with the first append that begins `lengthMs` or more after
   * the first one; `append` receives `last` for it. The turn ends also when `append` resolves with false. Rejects with the
   * driver's error.
   */
  async use(
    lengthMs: number,
    append: (connection: Connection, last: boolean) => Promise<boolean>,
  ): Promise<boolean> {
    clearTimeout(this.#timer);
    this.#end ??= performance.now() + lengthMs;
    this.#over = performance.now() >= this.#end;
    let appended = false;
    try {
      appended = await append(this.#connection, this.#over);
      return appended;
    } finally {
      if (!appended) this.#drop();
      else if (this.#over) this.#connections.giveBack(this.#connection);
      else this.#timer = setTimeout(() => void this.#release(), idleMs);
    }
  }

  giveUp(): void {
    if (!this.#over) this.#drop();
  }

  async #release(): Promise<void> {
    this.#over = true;
    this.#idled = true;
    try {
      await this.#connection.query({ text: `SELECT ${endTurn}` });
      this.#connections.giveBack(this.#connection);
    } catch {
      this.#drop();
    }
  }

  /** The server releases the lock with the session. */
  #drop(): void {
    clearTimeout(this.#timer);
    this.#over = true;
    this.#connections.drop(this.#connection);
  }
}
