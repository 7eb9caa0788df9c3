import { expect, it, onTestFinished } from "vitest";
import { encodeRequestRecord } from "../../../src/transaction-log/codec/request-record.ts";
import { MemoryLogEngine } from "../../support/memory-log-engine.ts";
import { seed } from "../../support/random.ts";
import { put, readAll, requestId, retaining, transaction } from "../log-model.ts";
import { openLogger } from "./loggers.ts";

it("puts request records and texts that are not ASCII into pieces that fit into a message", async () => {
  const engine = new MemoryLogEngine(seed);
  const log = await openLogger(engine, { messageBytesMax: 300 * 1024 });
  onTestFinished(() => log.close());
  const transactions = Array.from({ length: 5_000 }, (_, index) => {
    const request = encodeRequestRecord({
      id: requestId(2 ** 40 + index),
      digest: new Uint8Array(16),
      results: Array.from({ length: 2 }, () => ({
        entry: { revision: index + 1, createRevision: 1, version: 1, updateTime: 2 ** 40, expireTime: 0 },
        deleted: false,
      })),
    });
    const events = index % 50 === 0 ? [put(`key ${index}`, "€".repeat(3_000))] : [];
    return { ...transaction(index + 1, ...events), request };
  });
  for (let basis = 0; basis < 5_000; basis += 500) {
    await log.append(basis, transactions.slice(basis, basis + 500));
  }
  await log.compact(retaining(5_000, transactions));
  expect(log.horizon).toBe(5_000);
  expect(await readAll(log)).toEqual(transactions);
});
