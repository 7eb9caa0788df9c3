/** What has bytes to send that were not caused by the input that it is reading. */
export interface Flushable {
  flush(): void;
}

let scheduled: Flushable[] = [];

/**
 * Calls `flush` once all promises of this turn have run, so that responses of many calls, such as writes that shared one
 * sync of the log, go out in one write.
 */
export function scheduleFlush(flushable: Flushable): void {
  if (scheduled.push(flushable) === 1) process.nextTick(flushAll);
}

function flushAll(): void {
  const flushables = scheduled;
  scheduled = [];
  for (const flushable of flushables) flushable.flush();
}
