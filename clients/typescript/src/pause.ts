/** A longer timer would end at once. In milliseconds. */
export const timerMaxMs = 2 ** 31 - 1;

/** Resolves after so many milliseconds, or when the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, Math.min(ms, timerMaxMs));
    signal.addEventListener("abort", end);
  });
}
