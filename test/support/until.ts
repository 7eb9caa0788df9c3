import { setTimeout as delay } from "node:timers/promises";

/** Waits for something that happens sooner or later, asking every 10 ms. The test's own timeout ends it. */
export async function until(happened: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await happened())) await delay(10);
}
