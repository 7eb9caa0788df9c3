/**
 * Settles as `work` does. Once `stopping` has aborted, `work` has `ms` milliseconds left; after that this rejects with
 * `error()`, and the result of `work` is dropped.
 */
export async function boundOnceStopping<T>(
  work: Promise<T>,
  stopping: AbortSignal,
  ms: number,
  error: () => Error,
): Promise<T> {
  const { promise: overdue, reject } = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const start = () => {
    timer = setTimeout(() => reject(error()), ms);
  };
  if (stopping.aborted) start();
  else stopping.addEventListener("abort", start, { once: true });
  try {
    return await Promise.race([work, overdue]);
  } finally {
    clearTimeout(timer);
    stopping.removeEventListener("abort", start);
  }
}
