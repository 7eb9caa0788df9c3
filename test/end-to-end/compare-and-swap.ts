import { expect } from "vitest";
import type { CallFailure, KeyValueClient } from "../support/key-value-client.ts";
import { createRandom, type Random, seed } from "../support/random.ts";
import { startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { withClients } from "./every-client.ts";

const racersPerProtocol = 2;

/**
 * On each of two keys, `races` times, several clients of every protocol compare and swap at once. Asserts that one wins
 * each race, and that the sums are exact.
 */
export async function raceForKeys(races: number): Promise<void> {
  const random = createRandom(seed);
  const server = await startServerProcess(["--log", `file:${await temporaryDirectory()}`]);
  try {
    await withClients(server.address, async (clients) => {
      const racers = clients.flatMap((client) => Array<KeyValueClient>(racersPerProtocol).fill(client));
      const keys = ["one", "another"];
      const sums = await Promise.all(keys.map((key) => race(key, races, racers, random)));
      const entries = await Promise.all(keys.map((key) => (racers[0] as KeyValueClient).get({ key })));
      expect(entries.map((answer) => answer.entry?.value)).toEqual(sums.map(String));
      expect(entries.map((answer) => answer.entry?.version)).toEqual(keys.map(() => BigInt(races + 1)));
      // Each win made one revision, and losing made none.
      expect(entries[0]?.revision).toBe(BigInt(keys.length * (races + 1)));
    });
    expect(await server.stop()).toBe(0);
  } finally {
    await server.stop("SIGKILL");
  }
}

/** All racers add an amount to the same revision at once, again and again. Returns the sum of what the winners added. */
async function race(
  key: string,
  races: number,
  racers: readonly KeyValueClient[],
  random: Random,
): Promise<number> {
  let sum = 0;
  let { revision } = await (racers[0] as KeyValueClient).put({ key, value: "0" });
  for (let count = 0; count < races; count++) {
    const amounts = racers.map(() => random.below(1000));
    const base = revision;
    const results = await Promise.allSettled(
      racers.map((racer, index) =>
        racer.put({
          key,
          value: String(sum + (amounts[index] as number)),
          precondition: { condition: { case: "revision", value: base } },
        }),
      ),
    );
    const winner = results.findIndex(({ status }) => status === "fulfilled");
    const won = results[winner];
    if (won?.status !== "fulfilled") throw new Error("nobody won");
    revision = won.value.revision;
    sum += amounts[winner] as number;
    results.forEach((result, index) => {
      if (index === winner) return;
      const failure = (result as PromiseRejectedResult).reason as CallFailure;
      expect([failure?.code, failure?.reason]).toEqual(["aborted", "REVISION_MISMATCH"]);
      expect(failure.metadata["current_revision"]).toBe(String(revision));
    });
  }
  return sum;
}
