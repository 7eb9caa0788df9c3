import { setTimeout } from "node:timers/promises";
import { storeMany, withDuetKv } from "../duetkv.ts";
import type { Run } from "../results.ts";

const ttlSeconds = 5;

/** How long it takes to delete many entries whose time is over, each by a logged delete. */
export async function expiry(run: Run): Promise<void> {
  const count = run.quick ? 10_000 : 100_000;
  await withDuetKv([], async (server, client) => {
    await storeMany(client, count, "x".repeat(64), ttlSeconds);
    const entries = async () => {
      const text = await (await fetch(`http://${server.adminAddress}/metrics`)).text();
      return Number(/^duetkv_entries (\d+)$/m.exec(text)?.[1]);
    };
    while ((await entries()) === count) await setTimeout(20);
    const start = performance.now();
    const cpu = server.cpuMicros();
    while ((await entries()) > 0) await setTimeout(20);
    const seconds = (performance.now() - start) / 1000;
    const section = "expiry";
    // They were stored over a while, so that this is how long that took, or longer if the deletes could not keep up.
    run.found({ section, what: `${count} entries expire: first to last delete`, value: seconds, unit: "s" });
    run.found({ section, what: "CPU of a delete", value: (server.cpuMicros() - cpu) / count, unit: "µs" });
  });
}
