import { cp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openFileTransactionLogger } from "../../../src/transaction-log/file/file-transaction-logger.ts";
import { verifyLog } from "../../../src/transaction-log/file/repair/verify.ts";
import type { Transaction } from "../../../src/transaction-log/transaction-logger.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { readAll, retaining, simple } from "../log-model.ts";

const fixtures = new URL("fixtures/0.1/", import.meta.url).pathname;

interface Expected {
  readonly horizon: number;
  readonly transactions: readonly Transaction[];
}

async function readExpected(name: string): Promise<Expected> {
  const text = await readFile(join(fixtures, `${name}.json`), "utf8");
  return JSON.parse(text, (_key, value) =>
    typeof value?.base64 === "string" ? new Uint8Array(Buffer.from(value.base64, "base64")) : value,
  );
}

/** Each has a snapshot and three segments; `torn` ends in an append that was cut short. */
it.each(["closed", "torn"])(
  "reads a log that 0.1 wrote, goes on with it and compacts it: %s",
  async (name) => {
    const directory = await temporaryDirectory();
    await cp(join(fixtures, name), directory, { recursive: true });
    const { horizon, transactions } = await readExpected(name);
    const last = (transactions.at(-1) as Transaction).sequence;
    const kinds = (await verifyLog(directory)).findings.map(({ kind }) => kind);
    expect(kinds).toEqual(name === "torn" ? ["torn"] : []);

    const log = await openFileTransactionLogger({ directory, segmentBytes: 2048 });
    expect(log.horizon).toBe(horizon);
    expect(await readAll(log)).toEqual(transactions);
    const more = Array.from({ length: 30 }, (_, index) => simple(last + 1 + index));
    for (const one of more) expect(await log.append(one.sequence - 1, [one])).toEqual({ appended: true });
    await log.close();
    const names = await readdir(directory);
    expect(names.filter((each) => each.includes(".torn-"))).toHaveLength(name === "torn" ? 1 : 0);

    const reopened = await openFileTransactionLogger({ directory, segmentBytes: 2048 });
    expect(await readAll(reopened)).toEqual([...transactions, ...more]);
    const newest = last + more.length;
    await reopened.compact(retaining(newest, more));
    expect(await readAll(reopened)).toEqual(more.slice(-7));
    await reopened.close();
    expect(await verifyLog(directory)).toMatchObject({ lastSequence: newest, horizon: newest, findings: [] });
  },
);
