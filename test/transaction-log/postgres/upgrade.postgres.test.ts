import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import type { Transaction } from "../../../src/transaction-log/transaction-logger.ts";
import { sharedPostgres } from "../../support/shared-postgres.ts";
import { readAll, retaining, simples } from "../log-model.ts";
import { expectNothingOpen, openLogger } from "./loggers.ts";

const server = sharedPostgres();

interface Expected {
  readonly horizon: number;
  readonly transactions: readonly Transaction[];
}

/** The fixture was compacted once, and ends in an append that was given up. */
it("reads a log of 0.1, continues and compacts it", async () => {
  const file = (name: string) => readFile(new URL(`fixtures/${name}`, import.meta.url), "utf8");
  const { horizon, transactions }: Expected = JSON.parse(await file("0.1.json"), (_key, value) =>
    typeof value?.base64 === "string" ? new Uint8Array(Buffer.from(value.base64, "base64")) : value,
  );
  const last = (transactions.at(-1) as Transaction).sequence;
  const url = await server.createDatabase();
  await server.query(url, await file("0.1.sql"));

  const log = await openLogger(url);
  expect(log.horizon).toBe(horizon);
  expect(await readAll(log)).toEqual(transactions);
  const more = simples(last + 1, 30);
  for (const one of more) expect(await log.append(one.sequence - 1, [one])).toEqual({ appended: true });
  expect(await readAll(log)).toEqual([...transactions, ...more]);
  for (const after of [horizon, last - 1, last, last + 1]) {
    expect(await readAll(log, after)).toEqual(
      [...transactions, ...more].filter(({ sequence }) => sequence > after),
    );
  }
  await log.close();

  const reopened = await openLogger(url);
  expect(await readAll(reopened)).toEqual([...transactions, ...more]);
  // First into what 0.1 wrote, then beyond.
  await reopened.compact(retaining(last - 10, transactions));
  expect((await readAll(reopened)).slice(-40)).toEqual([...transactions, ...more].slice(-40));
  await reopened.compact(retaining(last + more.length, more));
  expect(await readAll(reopened)).toEqual(more.slice(-7));
  await reopened.close();
  await expectNothingOpen(server, url);
});
