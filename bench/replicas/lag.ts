import { withClient } from "../duetkv.ts";

const key = "lag";

/** The time from the response of a put to its event in a watch on another replica, in milliseconds. */
export function measureLags(writerAddress: string, watcherAddress: string, count: number): Promise<number[]> {
  return withClient(writerAddress, (writer) =>
    withClient(watcherAddress, async (watcher) => {
      const abort = new AbortController();
      const seen = new Map<bigint, number>();
      const open = Promise.withResolvers<void>();
      const watching = (async () => {
        for await (const { revision } of watcher.watch({ key }, { signal: abort.signal })) {
          seen.set(revision, performance.now());
          open.resolve();
        }
      })().catch(() => {});
      await open.promise;
      const lags: number[] = [];
      for (let index = 0; index < count; index++) {
        const { revision } = await writer.put({ key, value: "x".repeat(64) });
        const acknowledged = performance.now();
        while (!seen.has(revision)) await new Promise((resolve) => setImmediate(resolve));
        lags.push(Math.max(0, (seen.get(revision) as number) - acknowledged));
      }
      abort.abort();
      await watching;
      return lags;
    }),
  );
}
