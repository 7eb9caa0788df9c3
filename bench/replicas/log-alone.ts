import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { replay } from "../../src/committer/replay.ts";
import { MapStore } from "../../src/store/map-store.ts";
import { openSharedLog, type SharedLog } from "./shared-log.ts";

const writer = new URL("log-writer.ts", import.meta.url).pathname;

/** The append rate of a number of writers together, each a process, in events per second. */
export async function appendAlone(
  log: SharedLog,
  writers: number,
  batchLength: number,
  seconds: number,
): Promise<number> {
  const children: ChildProcess[] = [];
  for (let index = 0; index < writers; index++) {
    const child = fork(writer, [JSON.stringify(log), String(batchLength), String(seconds * 1000)]);
    children.push(child);
    await once(child, "message");
  }
  const rates = await Promise.all(
    children.map(async (child) => {
      const exit = once(child, "exit");
      child.send("go");
      const [rate] = await once(child, "message");
      await exit;
      return rate as number;
    }),
  );
  return rates.reduce((sum, rate) => sum + rate, 0);
}

/** How fast the log becomes a store, in events a second, and how many events that were. */
export async function replayAlone(
  shared: SharedLog,
): Promise<{ readonly count: number; readonly perSecond: number }> {
  const log = await openSharedLog(shared);
  try {
    let count = 0;
    const start = performance.now();
    await replay(log, new MapStore(), ({ events }) => {
      count += events.length;
    });
    return { count, perSecond: (count * 1000) / (performance.now() - start) };
  } finally {
    await log.close();
  }
}
