import { uptime } from "node:os";
import type { LogClock } from "../../transaction-log/transaction-logger.ts";

/** Milliseconds since 1970 UTC. */
export type Clock = () => number;

/** How often the clock looks whether the machine was suspended, in milliseconds of running. */
const lookMs = 1000;

/** Clocks of the machine since it started, in milliseconds. */
export interface MachineClocks {
  /** Stands still while the machine is suspended. */
  readonly running: () => number;
  /** Does not. It has a resolution of 10 ms. */
  readonly all: () => number;
}

const machineClocks: MachineClocks = { running: () => performance.now(), all: () => uptime() * 1000 };

/**
 * A clock that starts at the wall clock's time and then follows the monotonic clock. If the wall clock is changed
 * while the service runs, no entry expires early or late: this clock never goes back. The time during which the machine is
 * suspended counts. It starts no earlier than `notBefore`, the last time in the log: after a restart with a clock that was
 * set back, time continues from there.
 */
export function createClock(notBefore: number, { running, all }: MachineClocks = machineClocks): Clock {
  const start = Math.max(Date.now(), notBefore) - running();
  const awake = all() - running();
  let suspended = 0;
  let lookedAt = running();
  return () => {
    const now = running();
    if (now - lookedAt >= lookMs) {
      lookedAt = now;
      const missing = all() - now - awake;
      // What is less comes from the two clocks being read one after the other.
      if (missing - suspended >= lookMs) suspended = missing;
    }
    return Math.floor(start + now + suspended);
  };
}

/**
 * A clock with the time of `logClock`, which all replicas share. It goes back where `logClock` is corrected: a clock that stood
 * still until then would let entries live longer.
 */
export function createSharedClock(logClock: LogClock): Clock {
  return () => Math.floor(logClock.now());
}
