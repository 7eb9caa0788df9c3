import type { LogClock } from "../../transaction-log/transaction-logger.ts";

/** Milliseconds since 1970 UTC, never going back. */
export type Clock = () => number;

/**
 * A clock that starts at the wall clock's time and then follows the monotonic clock. If the wall clock is changed
 * while the service runs, no entry expires early or late. It starts no earlier than `notBefore`, the last time in the
 * log: after a restart with a clock that was set back, time continues from there.
 */
export function createClock(notBefore: number): Clock {
  const start = Math.max(Date.now(), notBefore);
  const origin = performance.now();
  return () => Math.floor(start + performance.now() - origin);
}

/**
 * A clock with the time of `logClock`, which all replicas share. It never goes back; it stands still where `logClock`
 * goes back.
 */
export function createSharedClock(logClock: LogClock): Clock {
  let latest = 0;
  return () => {
    latest = Math.max(latest, Math.floor(logClock.now()));
    return latest;
  };
}
