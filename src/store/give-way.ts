import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";

/** Longest stretch of work after which others get their turn, in milliseconds. */
const sliceMs = 0.3;
/** The event loop counts as busy when a turn took longer than this, in milliseconds. */
const busyMs = 0.05;
const pauseMs = 1;

/**
 * Yields to the event loop, and pauses for `pauseMs` when the loop is busy. Long background work then takes only part
 * of the CPU time and makes less garbage for V8 to collect while calls wait.
 */
export async function giveWay(): Promise<void> {
  const start = performance.now();
  await nextTurn();
  if (performance.now() - start > busyMs) await delay(pauseMs);
}

/** The slices of long work. */
export class Slice {
  #end = performance.now() + sliceMs;

  /** Whether it is time to `giveWay`. */
  get isOver(): boolean {
    return performance.now() >= this.#end;
  }

  /** As the function; the next slice then begins. */
  async giveWay(): Promise<void> {
    await giveWay();
    this.#end = performance.now() + sliceMs;
  }
}
