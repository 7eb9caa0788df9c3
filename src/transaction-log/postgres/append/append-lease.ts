import type { Connection } from "../connection/connection.ts";
import type { Connections } from "../connection/connections.ts";
import { lockSpace } from "../connection/migrations.ts";

/*
 *             conflict              appended               conflict
 *      free ───────────▶ retrying ───────────▶ contended ───────────────▶ holding
 *       ▲                                       │     ▲                   │   │
 *       ├────────────── appended ───────────────┘     └─ 25 ms are over ──┘   │
 *       └────────────────────── nothing to append for 2 ms ───────────────────┘
 *
 *   state      before an append               the lock lasts    when it conflicts
 *   free       –                              –                 takes the lock, becomes retrying
 *   retrying   has the lock                   for one append    takes the lock again
 *   contended  takes the lock                 for one append    becomes holding
 *   holding    has the lock, or takes it      for 25 ms         takes the lock again
 *
 * A lock that cannot be taken, or is lost, does not change the state: the append is made without it.
 */
type State = "free" | "retrying" | "contended" | "holding";

const afterAppend: Readonly<Record<State, State>> = {
  free: "free",
  retrying: "contended",
  contended: "free",
  holding: "contended",
};

const afterConflict: Readonly<Record<State, State>> = {
  free: "retrying",
  retrying: "retrying",
  contended: "holding",
  holding: "holding",
};

const leaseLock = 3;

/** The server ends the session of a silent holder: a paused replica must not stop the others for long. */
const silenceMs = 2_000;

/** A lock that is not used is released sooner. */
const unusedMs = 500;

/** After an append, a holder with nothing more to append must not keep the others waiting. */
const idleMs = 2;

/**
 * How long a writer keeps the lock under contention. A hand-over takes as long as several appends: the next writer reads
 * the newest transactions and evaluates its batch again.
 */
const holdMs = 25;

/** Each append takes the lock in shared mode, so appends wait while another writer has the lease or waits for it. */
export const awaitLeases = `pg_advisory_xact_lock_shared(${lockSpace}, ${leaseLock})`;

/** Ends the lease of this session. In the statement of the last append it needs no round trip. */
export const endLease = `pg_advisory_unlock(${lockSpace}, ${leaseLock}), set_config('idle_session_timeout', '0', false)`;

/**
 * The right to append next, for a writer that lost to another. Without it the same writer would win again: it has the end
 * of the log at once, while the others still read its batch. A lease is a session that holds an advisory lock, which
 * PostgreSQL grants in the order of the requests. One append at a time.
 */
export class AppendLease {
  readonly #connections: Connections;
  #state: State = "free";
  /** The session with the lock; undefined without the lock. */
  #session: Connection | undefined;
  /** Ends a lease that is not used. */
  #timer: NodeJS.Timeout | undefined;
  /** When the lock is to be released, set by the first append with it. */
  #end: number | undefined;

  constructor(connections: Connections) {
    this.#connections = connections;
  }

  get held(): boolean {
    return this.#session !== undefined;
  }

  /** Whether to take the lease before the next append, because waiting for it costs less than a lost append. */
  get isDue(): boolean {
    return !this.held && (this.#state === "contended" || this.#state === "holding");
  }

  /** Resolves when this writer has the lease, or when taking it failed. */
  async take(): Promise<void> {
    this.close();
    this.#end = undefined;
    const session = await this.#connections.take().catch(() => undefined);
    if (session === undefined) return;
    try {
      await session.query({
        text: `SELECT set_config('idle_session_timeout', '${silenceMs}', false), pg_advisory_lock(${lockSpace}, ${leaseLock})`,
      });
    } catch {
      this.#connections.drop(session);
      return;
    }
    this.#session = session;
    this.#timer = setTimeout(() => this.close(), unusedMs);
  }

  /**
   * Appends, with the lease if this writer has it. `append` receives whether the lease ends with it. The lease ends also
   * when it resolves with false or rejects. Rejects with the driver's error.
   */
  async append(append: (connection: Connection, endsLease: boolean) => Promise<boolean>): Promise<boolean> {
    const session = this.#session;
    if (session === undefined) {
      return this.#connections.withConnection((connection) => append(connection, false));
    }
    clearTimeout(this.#timer);
    this.#end ??= performance.now() + (this.#state === "holding" ? holdMs : 0);
    const isLast = performance.now() >= this.#end;
    if (isLast) this.#session = undefined;
    let appended = false;
    try {
      appended = await append(session, isLast);
      return appended;
    } finally {
      if (!appended) this.#drop(session);
      else if (isLast) this.#connections.giveBack(session);
      else this.#timer = setTimeout(() => void this.#release(session), idleMs);
    }
  }

  /** Called when the batch is in the log. */
  appended(): void {
    if (!this.held) this.#state = afterAppend[this.#state];
  }

  /** Called when another writer came first. */
  conflicted(): void {
    this.#state = afterConflict[this.#state];
  }

  /** Releases the lock by ending its session. */
  close(): void {
    if (this.#session !== undefined) this.#drop(this.#session);
  }

  async #release(session: Connection): Promise<void> {
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#state = "free";
    try {
      await session.query({ text: `SELECT ${endLease}` });
      this.#connections.giveBack(session);
    } catch {
      this.#connections.drop(session);
    }
  }

  /** The server releases the lock with the session. */
  #drop(session: Connection): void {
    clearTimeout(this.#timer);
    this.#session = undefined;
    this.#connections.drop(session);
  }
}
