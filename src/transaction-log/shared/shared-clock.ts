import type { LogSink } from "../log-sink.ts";
import type { LogClock } from "../transaction-logger.ts";

/** The largest accepted difference between the clock of this machine and the log's. */
const differenceMaxMs = 1_000;

/**
 * The clock of the server of a log, estimated from the times that heartbeats return. Between heartbeats it advances
 * with the monotonic clock of this process, so a change of the wall clock has no effect.
 */
export class SharedClock implements LogClock {
  readonly #log: LogSink;
  /** Milliseconds from the monotonic clock to the server's. */
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
   * Corrects the estimate. The server's clock was at `serverTime` (milliseconds since 1970) between `began` and `ended`
   * of the monotonic clock. The estimate changes only if it is outside these bounds, so a late response does no harm.
   */
  learn(serverTime: number, began: number, ended: number): void {
    const least = serverTime - ended;
    const most = serverTime - began;
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
      this.#log.info({ aheadMs }, "clock skew resolved; expiry resumed on this replica");
    } else {
      this.#log.warn(
        { aheadMs, limitMs: differenceMaxMs },
        "clock skew detected; expiry paused on this replica",
      );
    }
  }
}
