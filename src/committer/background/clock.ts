import type { LogClock } from "../../transaction-log/transaction-logger.ts";

/** Milliseconds since 1970 UTC, never going back. */
export type Clock = () => number;

/**
 * A clock that starts at the wall clock's time and then follows the monotonic clock, so that a wall clock which is
 * set forth or back while the service runs neither expires an entry early nor keeps it late. It starts no earlier
 * than `notBefore`, the last time in the log: after a restart with a clock that was set back, time goes on from there.
 */
export function createClock(notBefore: number): Clock {
  const start = Math.max(Date.now(), notBefore);
  const origin = performance.now();
  return () => Math.floor(start + performance.now() - origin);
}

/** A clock that shows the time of `logClock`, which all replicas share, and waits where that goes back. */
export function createSharedClock(logClock: LogClock): Clock {
  let latest = 0;
  return () => {
    latest = Math.max(latest, Math.floor(logClock.now()));
    return latest;
  };
}
