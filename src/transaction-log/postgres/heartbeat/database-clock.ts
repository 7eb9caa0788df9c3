import type { LogSink } from "../../log-sink.ts";
import type { LogClock } from "../../transaction-logger.ts";

/** How far the clock of this machine may be from the database's. */
const differenceMaxMs = 1_000;

/**
 * The database's clock, estimated from what heartbeats bring. Between them the monotonic clock of this process goes on, so
 * that a wall clock which is set forth or back has no effect.
 */
export class DatabaseClock implements LogClock {
  readonly #log: LogSink;
  /** Milliseconds from the monotonic clock to the database's. */
  #offset: number | undefined;
  #agrees = true;

  constructor(log: LogSink) {
    this.#log = log;
  }

  now(): number {
    return performance.now() + (this.#offset ?? 0);
  }

  get agrees(): boolean {
    return this.#agrees;
  }

  /**
   * The database's clock showed `databaseTime` (milliseconds since 1970) at some moment between `began` and `ended` of
   * the monotonic clock. What is certain from that bounds the estimate: an answer that came late does not spoil it.
   */
  learn(databaseTime: number, began: number, ended: number): void {
    const least = databaseTime - ended;
    const most = databaseTime - began;
    this.#offset = Math.min(Math.max(this.#offset ?? (least + most) / 2, least), most);
    const wall = Date.now() - performance.now();
    const aheadMs = Math.round(wall > most ? wall - most : Math.min(wall - least, 0));
    this.#compare(aheadMs);
  }

  #compare(aheadMs: number): void {
    const agrees = Math.abs(aheadMs) <= differenceMaxMs;
    if (agrees === this.#agrees) return;
    this.#agrees = agrees;
    if (agrees) {
      this.#log.info({ aheadMs }, "clock agrees with the database's again; this replica expires entries");
    } else {
      this.#log.warn(
        { aheadMs, limitMs: differenceMaxMs },
        "clock differs from the database's; this replica expires no entries until it is set right",
      );
    }
  }
}
