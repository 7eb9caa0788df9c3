import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";

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
