import { cp } from "node:fs/promises";
import { expect, test } from "vitest";
import { openFileTransactionLogger } from "../src/transaction-log/file/file-transaction-logger.ts";
import { verifyLog } from "../src/transaction-log/file/repair/verify.ts";
import { open, valuesOf, write } from "./database-upgrade.ts";
import { temporaryDirectory } from "./support/temporary-directory.ts";

const fixtures = new URL("transaction-log/file/fixtures/0.1/", import.meta.url).pathname;

test.each(["closed", "torn"])("a directory of 0.1 takes writes and compactions at once: %s", async (name) => {
  const directory = await temporaryDirectory();
  await cp(`${fixtures}${name}`, directory, { recursive: true });
  const openLog = () => openFileTransactionLogger({ directory, segmentBytes: 4096 });
  const first = await open(await openLog());
  const old = valuesOf(first);
  const { revision } = first;
  expect(old.size).toBeGreaterThan(0);
  const written = await write(first, 40);
  const { stateHash } = first.status();
  expect(first.revision).toBe(revision + 16 * 40);
  expect(valuesOf(first)).toEqual(new Map([...old, ...written]));
  await first.close();
  const second = await open(await openLog());
  expect(second.status()).toMatchObject({ revision: revision + 16 * 40, stateHash });
  await second.close();
  const { horizon, findings } = await verifyLog(directory);
  expect({ compacted: horizon > revision, findings }).toEqual({ compacted: true, findings: [] });
});
