/** The time of a monotonic clock in milliseconds. To load `performance` takes longer than a call. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1_000_000;
}
