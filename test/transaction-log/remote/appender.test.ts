import { randomUUID } from "node:crypto";
import { expect, it, onTestFinished } from "vitest";
import { encodeBatch } from "../../../src/transaction-log/codec/batch.ts";
import { restoreRemoteLog } from "../../../src/transaction-log/remote/restore.ts";
import { MemoryLogEngine } from "../../support/memory-log-engine.ts";
import { seed } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { readAll, simple, simples } from "../log-model.ts";
import { openLogger } from "./loggers.ts";

async function open(engine: MemoryLogEngine) {
  const log = await openLogger(engine, { heartbeatMs: 1_000_000 });
  onTestFinished(() => log.close());
  return log;
}

it("appends after the empty batch that another writer has put before it", async () => {
  const engine = new MemoryLogEngine(seed);
  const log = await open(engine);
  const fence = encodeBatch({ basis: 0, last: 0, id: randomUUID(), previous: undefined, transactions: [] });
  await engine.connect().tryAppend(0, fence);
  expect(await log.append(0, [simple(1)])).toEqual({ appended: true });
  expect(await readAll(log)).toEqual([simple(1)]);
});

it("confirms a durable append although its hint to the others fails", async () => {
  const engine = new MemoryLogEngine(seed);
  const log = await open(engine);
  const [driver] = [...engine.drivers];
  driver!.ring = () => {
    throw new Error("closed");
  };
  expect(await log.append(0, [simple(1)])).toEqual({ appended: true });
});

it("restores although one server refuses the first batch wrongly", async () => {
  const engine = new MemoryLogEngine(seed);
  const transactions = (async function* () {
    yield* simples(1, 5);
    engine.faults.wrongRefusal = 1;
  })();
  const restoring = restoreRemoteLog(engine.connect(), 5, transactions);
  const { writes } = engine;
  await until(() => engine.writes > writes + 6);
  engine.heal();
  await restoring;
  expect(await readAll(await open(engine))).toEqual(simples(1, 5));
});
