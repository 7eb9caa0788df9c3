import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";

/** Longest stretch of work after which others get their turn, in milliseconds. */
const sliceMs = 0.3;
/** Others count as busy when their turn took longer, in milliseconds. */
const busyMs = 0.05;
const pauseMs = 1;

/**
 * Lets others have their turn of the event loop, and a pause on top when they have something to do: long work beside calls
 * then takes a part of the time only, and leaves less garbage that V8 must collect while calls wait.
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
