import { setTimeout as delay } from "node:timers/promises";
import { until } from "../../test/support/until.ts";

const clients = 8;

/** The puts that are acknowledged before the failure, and after it. */
const puts = 200;

/**
 * The longest time without an acknowledged put, in milliseconds, while clients of all `addresses` put and retry, and
 * something fails.
 */
export async function measureGap(
  addresses: readonly string[],
  fail: () => Promise<unknown>,
): Promise<number> {
  const acknowledged: number[] = [];
  const state = { isOver: false };
  const working = Array.from({ length: clients }, async (_, index) => {
    const url = `http://${addresses[index % addresses.length]}/v1/key/gap-${index}`;
    while (!state.isOver) {
      const response = await fetch(url, { method: "PUT", body: "x" });
      await response.arrayBuffer();
      if (response.ok) acknowledged.push(performance.now());
      else await delay(10);
    }
  });
  try {
    await until(() => acknowledged.length >= puts);
    await fail();
    const before = acknowledged.length;
    await until(() => acknowledged.length >= before + puts);
  } finally {
    state.isOver = true;
    await Promise.all(working);
  }
  return Math.max(...acknowledged.slice(1).map((time, index) => time - (acknowledged[index] as number)));
}
