import type { LogSink } from "../../log-sink.ts";
import { backoffMs } from "../../shared/backoff.ts";
import { Doorbell } from "../../shared/doorbell.ts";
import { channel } from "../append/append.ts";
import type { Connection, ConnectionOptions } from "../connection/connection.ts";
import { withoutDetails } from "../connection/database-error.ts";
import { openSession } from "../connection/session.ts";

/** Interval of checks of a silent connection. */
const checkMs = 5_000;

/**
 * Receives notifications of new transactions, sooner than polling finds them. An optimization: without it (a connection
 * pooler in between, a server without LISTEN, a broken connection) polling finds the same transactions later.
 */
export class Listener {
  readonly #options: ConnectionOptions;
  readonly #log: LogSink;
  readonly #onSequence: (sequence: number) => void;
  readonly #closed = new AbortController();
  #connection: Connection | undefined;
  #running: Promise<void> | undefined;

  constructor(options: ConnectionOptions, log: LogSink, onSequence: (sequence: number) => void) {
    this.#options = options;
    this.#log = log;
    this.#onSequence = onSequence;
  }

  /** True while notifications can be expected. */
  get listening(): boolean {
    return this.#connection?.usable === true;
  }

  /** Listens until it is closed. */
  start(): void {
    if (!this.#closed.signal.aborted) this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closed;
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        await this.#listen(() => {
          failures = 0;
        });
      } catch (error) {
        if (failures === 1) {
          this.#log.warn({ err: withoutDetails(error) }, "LISTEN failed; polling instead");
        }
      }
      await new Doorbell().wait(backoffMs(failures), signal);
    }
  }

  async #listen(onListening: () => void): Promise<void> {
    let opening: Connection | undefined;
    const lost = new Doorbell();
    const { signal } = this.#closed;
    // An opening connection must not delay a close.
    const stop = () => (this.#connection === undefined ? opening?.kill() : lost.ring());
    signal.addEventListener("abort", stop);
    try {
      const connection = await openSession(this.#options, (each) => {
        opening = each;
        if (signal.aborted) each.kill();
      });
      connection.client.on("notification", ({ payload }) => this.#onSequence(Number(payload)));
      connection.client.on("end", () => lost.ring());
      await connection.query({ text: `LISTEN ${channel}` });
      this.#connection = connection;
      onListening();
      while (connection.usable && !signal.aborted) {
        await lost.wait(checkMs, signal);
        if (!signal.aborted) await connection.query({ text: "SELECT 1" });
      }
    } finally {
      this.#connection = undefined;
      signal.removeEventListener("abort", stop);
      if (opening?.usable) await opening.end();
      opening?.kill();
      await opening?.closed();
    }
  }
}
