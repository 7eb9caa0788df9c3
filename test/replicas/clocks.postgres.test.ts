import { expect, onTestFinished, test } from "vitest";
import { startServerProcess } from "../support/server-process.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { until } from "../support/until.ts";
import { connectTo } from "./cluster.ts";

const server = sharedPostgres();
const hour = 3_600_000;
const ttl = { seconds: 2n, nanos: 0 };

/** Starts a replica whose wall clock is `aheadMs` ahead. */
async function startAhead(url: string, aheadMs: number) {
  const preload = `const now = Date.now; Date.now = () => now() + ${aheadMs};`;
  const replica = await startServerProcess(["--log", url], {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(preload)}`,
  });
  onTestFinished(async () => {
    await replica.stop("SIGKILL");
  });
  return replica;
}

test.each([hour, -hour])(
  "a replica whose clock is %i ms ahead does not change a time to live",
  async (aheadMs) => {
    const url = await server.createDatabase();
    const [off, right] = await Promise.all([startAhead(url, aheadMs), startAhead(url, 0)]);
    const [offClient, rightClient] = [connectTo(off), connectTo(right)];
    const put = async (client: typeof offClient, key: string) => {
      const { entry } = await client.put({ key, value: "x", ttl });
      const { seconds = 0n } = entry?.expireTime ?? {};
      // By the real clock, on both replicas; the tolerance is half of the skew.
      expect(Math.abs(Number(seconds) * 1_000 - Date.now())).toBeLessThan(hour / 2);
    };
    await put(offClient, "by off");
    await put(rightClient, "by right");
    await until(async () => expect((await rightClient.list({})).entries).toEqual([]));
    expect(off.lines.filter((line) => line.includes("clock skew detected"))).toHaveLength(1);
    expect(right.lines.filter((line) => line.includes("clock skew"))).toEqual([]);
    // Alone, it expires no entries.
    await right.stop();
    await put(offClient, "kept");
    const { entry } = await offClient.put({ key: "witness", value: "x" });
    const end = Date.now() + 4_000;
    await until(() => Date.now() > end);
    expect((await offClient.get({ key: "kept" })).entry?.value).toBe("x");
    expect(entry?.revision).toBe((await offClient.get({ key: "witness" })).revision);
  },
);
