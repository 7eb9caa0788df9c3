import { randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";
import { expect, it, onTestFinished } from "vitest";
import { encodeBatch, readBatchHeader } from "../../../src/transaction-log/codec/batch.ts";
import { inspectRemoteLog } from "../../../src/transaction-log/remote/inspect.ts";
import { MemoryLogEngine } from "../../support/memory-log-engine.ts";
import { seed } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { readAll, retaining, simple, simples } from "../log-model.ts";
import { Replica } from "../replica.ts";
import { openLogger } from "./loggers.ts";

/** A batch with the transaction 2, whose event is of a kind that this release does not know. */
function unknownBatch(previous: string | undefined): Buffer {
  const bytes = encodeBatch({ basis: 1, last: 2, id: randomUUID(), previous, transactions: [simple(2)] });
  // Its header has 76 bytes; step, time and count have 8.
  bytes[84] = (bytes[84] as number) | 8;
  bytes.writeUInt32LE(crc32(bytes.subarray(20)), 16);
  return bytes;
}

it("reads nothing after a batch of a later release, and says LOG_VERSION", async () => {
  const engine = new MemoryLogEngine(seed);
  const log = await openLogger(engine);
  const replica = await Replica.start(await openLogger(engine), "reader");
  onTestFinished(() => log.close());
  await log.append(0, [simple(1)]);
  const first = engine.messages.find(({ kind }) => kind === "batch")!;
  const later = engine.connect();
  await later.tryAppend(first.position, unknownBatch(readBatchHeader(first.bytes).id));
  await log.latestSequence();
  await log.append(2, [simple(3)]);
  const tooNew = { reason: "LOG_VERSION" };
  await expect(readAll(log)).rejects.toMatchObject(tooNew);
  await until(() => replica.failure !== undefined);
  expect(replica.failure).toMatchObject(tooNew);
  expect(replica.revision).toBe(1);
  await replica.close();
  await expect(log.compact(retaining(3, simples(1, 3)))).rejects.toMatchObject(tooNew);
  const report = await inspectRemoteLog(later);
  expect(report).toMatchObject({ lastSequence: 1, damage: tooNew });
});
