import { expect } from "vitest";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { createRandom, type Random, seed } from "../support/random.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { wasRefused, withClients } from "./every-client.ts";

const accounts = Array.from({ length: 6 }, (_, index) => `account/${index}`);
const startBalance = 1000;

interface Transfer {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
}

/**
 * Moves money between accounts by commits while the server is killed `kills` times. Asserts that each commit happened as a
 * whole or not at all, as it was answered.
 */
export async function transferOverKills(kills: number): Promise<void> {
  const random = createRandom(seed);
  const small = ["--compaction-bytes-min", "50000", "--watch-history-events-max", "200"];
  const flags = ["--log", `file:${await temporaryDirectory()}`, ...small];
  const acknowledged = new Set<string>();
  const refused = new Set<string>();
  for (let kill = 0; kill <= kills; kill++) {
    const server = await startServerProcess(flags);
    try {
      await withClients(server.address, async (clients) => {
        if (kill === 0) await openAccounts(clients[0] as KeyValueClient);
        await expectBooksBalance(clients[0] as KeyValueClient, acknowledged, refused);
        if (kill < kills)
          await transferUntilKilled(server, clients, random, `${kill}`, acknowledged, refused);
      });
    } finally {
      await server.stop("SIGKILL");
    }
  }
  // Both happened, or the test has shown nothing.
  expect(acknowledged.size).toBeGreaterThan(kills);
  expect(refused.size).toBeGreaterThan(0);
}

async function openAccounts(client: KeyValueClient): Promise<void> {
  await client.commit({
    mutations: accounts.map((key) => ({
      kind: { case: "put", value: { key, value: String(startBalance) } },
    })),
  });
}

async function transferUntilKilled(
  server: ServerProcess,
  clients: readonly KeyValueClient[],
  random: Random,
  round: string,
  acknowledged: Set<string>,
  refused: Set<string>,
): Promise<void> {
  let left = 20 + random.below(150);
  let dead = false;
  const tellers = Array.from({ length: 9 }, async (_, teller) => {
    const client = clients[teller % clients.length] as KeyValueClient;
    for (let number = 0; !dead; number++) {
      const id = `journal/${round}/${teller}/${number}`;
      try {
        await transfer(client, random, id);
        acknowledged.add(id);
        left--;
      } catch (error) {
        if (wasRefused(error)) refused.add(id);
        else if (!dead) throw error;
      }
      if (left > 0 || dead) continue;
      dead = true;
      process.kill(server.pid, "SIGKILL");
    }
  });
  await Promise.all(tellers);
}

/** Moves money between two accounts if neither has changed meanwhile, and writes it down. */
async function transfer(client: KeyValueClient, random: Random, id: string): Promise<void> {
  const from = random.pick(accounts);
  const to = random.pick(accounts.filter((account) => account !== from));
  const amount = 1 + random.below(20);
  const { entries } = await client.batchGet({ keys: [from, to] });
  const balances = entries.map(({ value }) => Number(value));
  await client.commit({
    checks: [
      ...entries.map(({ key, revision }) => ({
        key,
        precondition: { condition: { case: "revision" as const, value: revision } },
      })),
      { key: id, precondition: { condition: { case: "exists", value: false } } },
    ],
    mutations: [
      { kind: { case: "put", value: { key: from, value: String((balances[0] as number) - amount) } } },
      { kind: { case: "put", value: { key: to, value: String((balances[1] as number) + amount) } } },
      { kind: { case: "put", value: { key: id, value: JSON.stringify({ from, to, amount }) } } },
    ],
  });
}

async function expectBooksBalance(
  client: KeyValueClient,
  acknowledged: ReadonlySet<string>,
  refused: ReadonlySet<string>,
): Promise<void> {
  const journal = new Map<string, Transfer>();
  for (let pageToken = ""; ; ) {
    const page = await client.list({ prefix: "journal/", pageToken });
    for (const { key, value } of page.entries) journal.set(key, JSON.parse(value as string) as Transfer);
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  const balances = new Map(accounts.map((account) => [account, startBalance]));
  for (const { from, to, amount } of journal.values()) {
    balances.set(from, (balances.get(from) as number) - amount);
    balances.set(to, (balances.get(to) as number) + amount);
  }
  const { entries } = await client.list({ prefix: "account/" });
  expect(new Map(entries.map(({ key, value }) => [key, Number(value)]))).toEqual(balances);
  expect(
    [...acknowledged].filter((id) => !journal.has(id)),
    "acknowledged, and lost",
  ).toEqual([]);
  expect(
    [...refused].filter((id) => journal.has(id)),
    "refused, and done",
  ).toEqual([]);
}
