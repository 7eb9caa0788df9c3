import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openFileTransactionLogger } from "../../../src/transaction-log/file/file-transaction-logger.ts";
import { restoreFileLog } from "../../../src/transaction-log/file/restore.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { simples } from "../../transaction-log/log-model.ts";
import { restoreSuite } from "./restore-suite.ts";

restoreSuite("a file log", async () => {
  const directory = join(await temporaryDirectory(), "data");
  return {
    restore: (horizon, transactions) => restoreFileLog({ directory }, horizon, transactions),
    open: () => openFileTransactionLogger({ directory, segmentBytes: 4096 }),
  };
});

async function* from<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

test("a file log in use is not restored into", async () => {
  const directory = await temporaryDirectory();
  const log = await openFileTransactionLogger({ directory, segmentBytes: 4096 });
  await expect(restoreFileLog({ directory }, 10, from(simples(1, 5)))).rejects.toMatchObject({
    reason: "LOG_LOCKED",
  });
  await log.close();
});

test("a restored file log has a snapshot and an empty segment, and nothing half done", async () => {
  const directory = await temporaryDirectory();
  await restoreFileLog({ directory }, 10, from(simples(1, 5)));
  const names = (await readdir(directory)).filter((name) => !/^(lock|durable-sequence|reserve)$/.test(name));
  expect(names.toSorted()).toEqual(["00000000000000000010.snapshot", "00000000000000000011.log"]);
});
