/** The outcome of `pending`, or a rejection with the reason of the signal if that is aborted first. */
export async function untilAborted<Result>(pending: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  // A signal outlives many promises: Promise.race with one promise of the signal would keep them all.
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([pending, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
