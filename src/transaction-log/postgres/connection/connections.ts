import type { Connection, ConnectionOptions } from "./connection.ts";
import { isRefusal, NotConnectedError } from "./database-error.ts";
import { openSession } from "./session.ts";

/** How many stay open while nobody uses them. */
const idleMax = 3;

/** Lends connections, and takes them back only while they are known to be good. */
export class Connections {
  readonly #options: ConnectionOptions;
  readonly #open = new Set<Connection>();
  #idle: Connection[] = [];
  /** That all sessions are on. */
  #server: string | undefined;
  #closed = false;
  /** Called when the newest session is on another server than those before. */
  onServerChange: () => void = () => {};

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /**
   * Lends one to `work` until that settles. Rejects with NotConnectedError when there is none to be had, or with the
   * error of `work`; a connection is not used again after an error, unless it only refused a statement.
   */
  async withConnection<T>(work: (connection: Connection) => Promise<T>, { fresh = false } = {}): Promise<T> {
    const connection = await this.take(fresh);
    try {
      const result = await work(connection);
      this.giveBack(connection);
      return result;
    } catch (error) {
      if (isRefusal(error)) this.giveBack(connection);
      else this.drop(connection);
      throw error;
    }
  }

  /** Like `withConnection`, in a transaction. After any error the connection is dropped, and the transaction with it. */
  async transact<T>(begin: string, work: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.take();
    try {
      await connection.query({ text: begin });
      const result = await work(connection);
      await connection.query({ text: "COMMIT" });
      this.giveBack(connection);
      return result;
    } catch (error) {
      this.drop(connection);
      throw error;
    }
  }

  /** The caller gives it back, or drops it. `fresh`: one that nobody has used before. */
  async take(fresh = false): Promise<Connection> {
    const idle = fresh ? undefined : this.#takeIdle();
    if (idle) return idle;
    if (this.#closed) throw new NotConnectedError(new Error("the log is closed"));
    try {
      const connection = await openSession(this.#options, (each) => this.#add(each));
      if (connection.server !== this.#server) this.#useServer(connection.server);
      return connection;
    } catch (error) {
      throw new NotConnectedError(error);
    }
  }

  /**
   * After a failover the old primary may be reachable through connections from before. What they read is out of date, and
   * a heartbeat on the new primary must not vouch for it.
   */
  #useServer(server: string | undefined): void {
    const isFirst = this.#server === undefined;
    this.#server = server;
    for (const connection of this.#open) {
      if (connection.server !== undefined && connection.server !== server) this.drop(connection);
    }
    if (!isFirst) this.onServerChange();
  }

  /** Known from before it is opened until its socket is closed. */
  #add(connection: Connection): void {
    this.#open.add(connection);
    void connection.closed().then(() => this.#open.delete(connection));
    // With several servers the next one is tried also after a close.
    if (this.#closed) connection.kill();
  }

  #takeIdle(): Connection | undefined {
    for (let connection = this.#idle.pop(); connection; connection = this.#idle.pop()) {
      if (connection.usable) return connection;
      this.drop(connection);
    }
    return undefined;
  }

  giveBack(connection: Connection): void {
    if (connection.usable && !this.#closed && this.#idle.length < idleMax) this.#idle.push(connection);
    else if (connection.usable) void connection.end();
    else this.drop(connection);
  }

  drop(connection: Connection): void {
    connection.kill();
  }

  /** Ends the idle ones and drops those that are lent or just being opened. Resolves when every socket is closed. */
  async close(): Promise<void> {
    this.#closed = true;
    const idle = this.#idle;
    this.#idle = [];
    for (const connection of this.#open) if (!idle.includes(connection)) connection.kill();
    await Promise.all(idle.map((connection) => connection.end()));
    await Promise.all([...this.#open].map((connection) => connection.closed()));
  }
}
