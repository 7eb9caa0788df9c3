import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { open, valuesOf, write } from "./database-upgrade.ts";
import { sharedPostgres } from "./support/shared-postgres.ts";
import { openLogger } from "./transaction-log/postgres/loggers.ts";

const server = sharedPostgres();
const fixture = new URL("transaction-log/postgres/fixtures/0.1.sql", import.meta.url);

test("a database of 0.1 takes writes of two replicas and compactions at once", {
  timeout: 120_000,
}, async () => {
  const url = await server.createDatabase();
  await server.query(url, await readFile(fixture, "utf8"));
  // They migrate the tables at the same time, too.
  const replicas = await Promise.all([1, 2].map(async () => open(await openLogger(url))));
  const [one, other] = replicas as [(typeof replicas)[0], (typeof replicas)[0]];
  const old = valuesOf(one);
  expect(old.size).toBeGreaterThan(0);
  const { revision } = one;
  const written = await Promise.all([write(one, 20, "one"), write(other, 20, "other")]);
  const newest = revision + 2 * 16 * 20;
  for (const replica of replicas) {
    const call = { timeoutMs: () => 60_000, signal: new AbortController().signal };
    await replica.fresh({ minRevision: newest, linearizable: true }, call);
    expect(replica.revision).toBe(newest);
    expect(valuesOf(replica)).toEqual(new Map([...old, ...written.flatMap((some) => [...some])]));
  }
  const { stateHash } = one.status();
  expect(other.status().stateHash).toBe(stateHash);
  await Promise.all(replicas.map((replica) => replica.close()));
  const next = await open(await openLogger(url));
  expect(next.status()).toMatchObject({ revision: newest, stateHash });
});
