import { setTimeout as delay } from "node:timers/promises";

/** More than any machine needs, and less than a test's own timeout, which could not say what was missing. */
const waitMs = 250_000;

/**
 * Waits for something that happens sooner or later, asking again and again, every 20 ms in the end. It has happened when
 * `happened` returns anything but false and all of its assertions hold. Throws its last failure after 250 s.
 */
export async function until(happened: () => unknown): Promise<void> {
  const end = performance.now() + waitMs;
  for (let pauseMs = 1; ; pauseMs = Math.min(2 * pauseMs, 20)) {
    try {
      if ((await happened()) !== false) return;
      if (performance.now() > end) throw new Error(`not within ${waitMs} ms: ${happened.toString()}`);
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await delay(pauseMs);
  }
}
