import { Socket } from "node:net";
import { Client, type QueryArrayResult, type QueryResult } from "pg";
import { sqlStates, UnreplicatedError } from "./database-error.ts";
import type { Hosts } from "./hosts.ts";

export interface Statement {
  /** Prepared under this name, once for each connection. */
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly unknown[];
}

/** The schema in the text of all statements; `inSchema` replaces it by the schema of the deployment. */
export const defaultSchema = "duetkv";

export interface ConnectionOptions {
  readonly hosts: Hosts;
  /** Lower case letters, digits and underscores. Also the name of the notification channel and of the lock space. */
  readonly schema: string;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
}

/** How much longer than the server's own limit a response may take before the server counts as hung. */
const responseMarginMs = 2_000;

/**
 * The settings of every session, independent of the defaults of the role and the database. All access is by index, and
 * plans made before there are statistics must use it, too.
 */
const setUpSession = `
  SELECT pg_catalog.current_setting('server_encoding') AS encoding,
    EXTRACT(epoch FROM pg_catalog.pg_postmaster_start_time())::pg_catalog.text AS server,
    (SELECT pg_catalog.count(pg_catalog.set_config(name, value, false)) FROM (VALUES
      ('search_path', 'pg_catalog'),
      ('default_transaction_isolation', 'read committed'),
      ('client_min_messages', 'warning'),
      ('statement_timeout', $1),
      ('idle_in_transaction_session_timeout', '60000'),
      ('idle_session_timeout', '0'),
      ('jit', 'off'),
      ('enable_seqscan', 'off'),
      ('enable_bitmapscan', 'off')
    ) AS setting (name, value)) AS settings,
    CASE WHEN pg_catalog.current_setting('synchronous_commit') = 'off'
      THEN pg_catalog.set_config('synchronous_commit', 'on', false) END AS synchronous`;

/** One session of the database, and the socket under it. */
export class Connection {
  readonly client: Client;
  readonly #socket = new Socket();
  readonly #statementTimeoutMs: number;
  readonly #schema: string;
  #usable = true;
  #server: string | undefined;
  /** Whether the server has sent a warning since the last statement. */
  #warned = false;

  /** Creates it unconnected; `start` or `connect` opens the session. `url` has one host. */
  constructor(url: string, { schema, connectTimeoutMs, statementTimeoutMs }: ConnectionOptions) {
    this.#schema = schema;
    this.#statementTimeoutMs = statementTimeoutMs;
    this.client = new Client({
      connectionString: url,
      fallback_application_name: "duetkv",
      connectionTimeoutMillis: connectTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      stream: () => this.#socket,
    });
    // Without a listener the loss of an idle connection would end the process. A running query rejects by itself.
    this.client.on("error", () => this.kill());
    this.client.on("notice", ({ code }) => {
      if (code === sqlStates.warning) this.#warned = true;
    });
    this.client.on("end", () => {
      this.#usable = false;
    });
  }

  /** Resolves when the session is open. Rejects with the driver's error, or when the server is a standby. */
  async connect(): Promise<void> {
    try {
      await this.client.connect();
      const { rows } = await this.query({ text: "SELECT pg_catalog.pg_is_in_recovery() AS standby" });
      if (rows[0]?.["standby"]) throw new Error("the server is a standby; connect to the primary");
    } catch (error) {
      this.kill();
      throw error;
    }
  }

  /** Resolves when the session is set up. Rejects as `connect` does, and when the encoding is not UTF8. */
  async start(): Promise<void> {
    await this.connect();
    try {
      const { rows } = await this.query({ text: setUpSession, values: [String(this.#statementTimeoutMs)] });
      const encoding: unknown = rows[0]?.["encoding"];
      if (encoding !== "UTF8") {
        throw new Error(`the database encoding is ${String(encoding)}; use a database with ENCODING 'UTF8'`);
      }
      this.#server = rows[0]?.["server"];
    } catch (error) {
      this.kill();
      throw error;
    }
  }

  /** False once it is known to be lost. */
  get usable(): boolean {
    return this.#usable;
  }

  /**
   * The server of the session, independent of its address; undefined until the session is set up. No two servers
   * start in the same microsecond.
   */
  get server(): string | undefined {
    return this.#server;
  }

  /**
   * Rejects with the driver's error, or with UnreplicatedError when a commit did not wait for the synchronous standby.
   * One statement at a time.
   */
  query(statement: Statement): Promise<QueryResult> {
    return this.#replicated(() => this.client.query(this.#limited(statement)));
  }

  /** As `query`, with an array for each row, which is faster. */
  queryArrays(statement: Statement): Promise<QueryArrayResult> {
    return this.#replicated(() => this.client.query({ ...this.#limited(statement), rowMode: "array" }));
  }

  /** Returns the statement with the schema of the deployment. */
  inSchema(text: string): string {
    return this.#schema === defaultSchema ? text : text.replace(/\bduetkv\b/g, this.#schema);
  }

  /** Ends the session in order. Resolves when the socket is closed. */
  async end(): Promise<void> {
    this.#usable = false;
    const timer = setTimeout(() => this.kill(), 1_000);
    await this.client.end().catch(() => this.kill());
    clearTimeout(timer);
    this.kill();
    await this.closed();
  }

  /** Closes the socket at once; a running statement may or may not take effect. */
  kill(): void {
    this.#usable = false;
    this.#socket.destroy();
  }

  async closed(): Promise<void> {
    if (this.#socket.closed) return;
    await new Promise((resolve) => this.#socket.once("close", resolve));
  }

  /**
   * PostgreSQL reports a cancelled wait for the synchronous standby only as a warning: the transaction has committed on
   * the primary, and a failover may lose it. The text depends on the server's language, and the code is that of any
   * warning; our statements cause no other.
   */
  async #replicated<Result>(send: () => Promise<Result>): Promise<Result> {
    this.#warned = false;
    const result = await send();
    if (this.#warned) throw new UnreplicatedError();
    return result;
  }

  #limited({ name, text, values = [] }: Statement) {
    // The types of the driver lack `query_timeout`.
    const config = {
      text: this.inSchema(text),
      values: [...values],
      query_timeout: this.#statementTimeoutMs + responseMarginMs,
    };
    return name === undefined ? config : { ...config, name };
  }
}
