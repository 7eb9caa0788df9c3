import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { connectTo, expectSameState, isReady, startReplica } from "../replicas/cluster.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { createRandom, seed } from "../support/random.ts";
import { hasFirstRelease, startFirstRelease } from "../support/release.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { SteadyWriters } from "../support/steady-writers.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

const postgres = sharedPostgres();

/** Starts 0.1 until the test is over. */
async function startOld(log: string): Promise<ServerProcess> {
  const server = await startFirstRelease(["--log", log]);
  onTestFinished(async () => void (await server.stop("SIGKILL")));
  return server;
}

/** Waits for so many further acknowledgements. */
function untilWritten(writers: SteadyWriters, count: number): Promise<void> {
  const end = writers.acknowledged + count;
  return until(() => writers.acknowledged >= end);
}

/** A digest of each file of a log. */
async function digestsOf(directory: string): Promise<Readonly<Record<string, string>>> {
  const names = (await readdir(directory)).filter((name) => /\.(log|snapshot)$/.test(name));
  const digests = names.map(async (name) => {
    const content = await readFile(join(directory, name));
    return [name, createHash("sha256").update(content).digest("hex")] as const;
  });
  return Object.fromEntries(await Promise.all(digests));
}

/** Reads what was acknowledged, until `state.done`. A server may refuse, but not return anything else. */
async function readSteadily(
  clients: readonly KeyValueClient[],
  writers: SteadyWriters,
  state: { readonly done: boolean },
): Promise<void> {
  while (!state.done) {
    for (const client of clients) {
      const [key, value] = writers.pick();
      const response = await client.get({ key }).catch(() => undefined);
      if (response !== undefined) expect(response.entry?.value).toBe(value);
      await delay(5);
    }
  }
}

describe.skipIf(!hasFirstRelease())("an upgrade of 0.1 under load", () => {
  test(`a data directory goes on after kills, and is refused by 0.1 from then on (seed ${seed})`, async () => {
    console.log(`SEED=${seed}`);
    const directory = await temporaryDirectory();
    const log = `file:${directory}`;
    let server = await startOld(log);
    let client = connectTo(server);
    const writers = new SteadyWriters(createRandom(seed), 16, () => [client]);
    await untilWritten(writers, 500);
    // First on what 0.1 has left, then on what both have.
    for (let start = 0; start < 2; start++) {
      await server.stop("SIGKILL");
      server = await startReplica(log);
      client = connectTo(server);
      await untilWritten(writers, 500);
    }
    await writers.stop();
    await writers.expectAllAt(client);
    expect(await server.stop()).toBe(0);

    const before = await digestsOf(directory);
    await expect(startOld(log)).rejects.toThrow("has format version 2");
    expect(await digestsOf(directory)).toEqual(before);
    await writers.expectAllAt(connectTo(await startReplica(log)));
  });

  test(`new replicas on PostgreSQL take over from old ones without a wrong read or a lost write (seed ${seed})`, async () => {
    console.log(`SEED=${seed}`);
    const url = await postgres.createDatabase();
    const old = [await startOld(url), await startOld(url)];
    const oldClients = old.map((server) => connectTo(server));
    let clients: readonly KeyValueClient[] = oldClients;
    const writers = new SteadyWriters(createRandom(seed), 8, () => clients);
    await untilWritten(writers, 200);
    const state = { done: false };
    const reading = readSteadily(oldClients, writers, state);

    // They read along while the old ones continue.
    const replicas = [await startReplica(url), await startReplica(url)];
    const newClients = replicas.map((replica) => connectTo(replica));
    await untilWritten(writers, 200);
    expect(await Promise.all([...old, ...replicas].map(isReady))).toEqual([true, true, true, true]);
    for (const client of newClients) {
      const [key, value] = writers.pick();
      expect((await client.get({ key })).entry?.value).toBe(value);
    }

    // With the first write of a new one the old ones end.
    clients = [...oldClients, ...newClients];
    const exits = await Promise.all(old.map((server) => server.ended));
    expect(exits).toEqual([1, 1]);
    for (const { lines } of old) expect(lines.join("\n")).toContain("LOG_CORRUPT");
    clients = newClients;
    await untilWritten(writers, 200);
    await writers.stop();
    state.done = true;
    await reading;
    for (const client of newClients) await writers.expectAllAt(client);
    await expectSameState(replicas);
    await expect(startOld(url)).rejects.toThrow("was made by a later version");
  });
});
