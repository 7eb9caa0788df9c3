import type { Connection, ConnectionOptions } from "./connection.ts";
import { isRefusal, NotConnectedError } from "./database-error.ts";
import { openSession } from "./session.ts";

/** How many unused connections stay open. */
const idleMax = 3;

/** A pool of connections. It keeps a returned connection only while that is usable. */
export class Connections {
  readonly #options: ConnectionOptions;
  readonly #open = new Set<Connection>();
  #idle: Connection[] = [];
  /** The server of all sessions. */
  #server: string | undefined;
  #closed = false;
  /** Called when a new session is on another server than the earlier sessions. */
  onServerChange: () => void = () => {};

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Those that are open or being opened, and those of them that nobody uses. */
  get counts(): { readonly busy: number; readonly idle: number } {
    return { busy: this.#open.size - this.#idle.length, idle: this.#idle.length };
  }

  /**
   * Lends a connection to `work` until `work` settles. Rejects with NotConnectedError when none can be opened, or with the
   * error of `work`. A connection is not used again after an error, unless the database only refused a statement.
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

  /** Takes a connection; the caller calls `giveBack` or `drop`. `fresh`: a new one. */
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
   * Drops the connections to another server. After a failover, connections to the old primary may still work. Their reads
   * are out of date, and a heartbeat on the new primary must not validate them.
   */
  #useServer(server: string | undefined): void {
    const isFirst = this.#server === undefined;
    this.#server = server;
    for (const connection of this.#open) {
      if (connection.server !== undefined && connection.server !== server) this.drop(connection);
    }
    if (!isFirst) this.onServerChange();
  }

  /** Tracks a connection from before it opens until its socket is closed. */
  #add(connection: Connection): void {
    this.#open.add(connection);
    void connection.closed().then(() => this.#open.delete(connection));
    // With several servers `openSession` tries the next one also after a close.
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

  /** Ends idle connections and drops lent and opening ones. Resolves when every socket is closed. */
  async close(): Promise<void> {
    this.#closed = true;
    const idle = this.#idle;
    this.#idle = [];
    for (const connection of this.#open) if (!idle.includes(connection)) connection.kill();
    await Promise.all(idle.map((connection) => connection.end()));
    await Promise.all([...this.#open].map((connection) => connection.closed()));
  }
}
