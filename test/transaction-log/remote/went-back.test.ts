import { afterEach, expect, it } from "vitest";
import { silentSink } from "../../../src/transaction-log/log-sink.ts";
import { encodeBarrier } from "../../../src/transaction-log/remote/barrier.ts";
import { MemoryLogEngine } from "../../support/memory-log-engine.ts";
import { seed } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { readAll, retaining, simple, simples } from "../log-model.ts";
import { openLogger } from "./loggers.ts";

const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

async function open(engine: MemoryLogEngine, more: Parameters<typeof openLogger>[1] = {}) {
  const log = await openLogger(engine, { log: silentSink, ...more });
  opened.push(log);
  return { log, driver: [...engine.drivers].at(-1)! };
}

const quiet = { heartbeatMs: 1_000_000 };
const wentBack = { reason: "DATABASE_WENT_BACK_IN_TIME" };

/** Drops the batches after the first `kept`; positions go on. */
function loseTail(engine: MemoryLogEngine, kept: number): void {
  const cut = engine.batches[kept] as number;
  engine.messages = engine.messages.filter(({ kind, position }) => kind === "head" || position < cut);
}

async function appendEach(log: Awaited<ReturnType<typeof open>>["log"], first: number, last: number) {
  for (let basis = first - 1; basis < last; basis++) await log.append(basis, [simple(basis + 1)]);
}

it("is noticed by a new connection, although barriers have passed the positions that were read", async () => {
  const engine = new MemoryLogEngine(seed);
  const { log, driver } = await open(engine, quiet);
  await appendEach(log, 1, 10);
  driver.disconnected = true;
  engine.makeAnew();
  const other = await open(engine, quiet);
  for (let barriers = 0; barriers < 30; barriers++) await other.log.latestSequence();
  driver.disconnected = false;
  await expect(log.latestSequence()).rejects.toMatchObject(wentBack);
});

it("is noticed by the heartbeats when the connection lasts", async () => {
  const engine = new MemoryLogEngine(seed);
  const { log } = await open(engine, { heartbeatMs: 10 });
  await appendEach(log, 1, 10);
  loseTail(engine, 5);
  await until(() => log.fault !== undefined);
  expect(log.fault).toMatchObject(wentBack);
});

it("stops an append before it is sent, even if its condition holds in the other log", async () => {
  const engine = new MemoryLogEngine(seed);
  const { log, driver } = await open(engine, quiet);
  await appendEach(log, 1, 10);
  const newest = engine.batches[9] as number;
  driver.disconnected = true;
  loseTail(engine, 5);
  const other = await open(engine, quiet);
  await readAll(other.log);
  await other.log.append(5, [simple(6)]);
  // The first batch of the other history is where the lost one was.
  const index = engine.messages.findLastIndex(({ kind }) => kind === "batch");
  engine.messages[index] = { ...engine.messages[index]!, position: newest };
  driver.disconnected = false;
  await expect(log.append(10, [simple(11)])).rejects.toMatchObject(wentBack);
  expect(await readAll((await open(engine, quiet)).log)).toEqual(simples(1, 6));
});

it("is not suspected because an old server still has the old head", async () => {
  const engine = new MemoryLogEngine(seed);
  const { log } = await open(engine, { replicaTimeoutMs: 1 });
  await appendEach(log, 1, 5);
  const late = await open(engine, quiet);
  await readAll(late.log);
  const old = await late.driver.readHead("any");
  late.driver.disconnected = true;
  await appendEach(log, 6, 10);
  await until(() => log.compact(retaining(9, simples(1, 10))));
  const readHead = late.driver.readHead.bind(late.driver);
  let reads = 0;
  late.driver.readHead = async (copy) => (reads++ % 3 < 2 ? old : readHead(copy));
  late.driver.disconnected = false;
  await expect(late.log.latestSequence()).rejects.toMatchObject({
    message: expect.stringContaining("was compacted up to 9"),
  });
  expect(late.log.fault).toBeUndefined();
});

it("is no damage for others: what a replica of the old log says in a barrier does not count", async () => {
  const engine = new MemoryLogEngine(seed);
  const { log, driver } = await open(engine, quiet);
  await log.append(0, [simple(1)]);
  await driver.barrier(encodeBarrier("another log", engine.batches[0]! + 1));
  await driver.barrier(encodeBarrier("another log", engine.batches[0]! + 1));
  expect(await readAll(log)).toEqual([simple(1)]);
  const reading = await open(engine, quiet);
  const barrier = reading.driver.barrier.bind(reading.driver);
  reading.driver.barrier = async (bytes) => {
    const position = await barrier(bytes);
    await driver.barrier(encodeBarrier("another log", position - 1));
    return position;
  };
  expect(await reading.log.latestSequence()).toBe(1);
});

it("is not suspected because a compaction drops the batch while it is looked for", async () => {
  const engine = new MemoryLogEngine(seed);
  const { log } = await open(engine, { replicaTimeoutMs: 1 });
  await appendEach(log, 1, 10);
  await log.compact(retaining(3, simples(1, 10)));
  const late = await open(engine, quiet);
  const lost = engine.batches[2];
  const read = late.driver.read.bind(late.driver);
  late.driver.read = async (after, copy) => {
    const page = await read(after, copy);
    return { ...page, batches: page.batches.filter(({ position }) => position !== lost) };
  };
  const readHead = late.driver.readHead.bind(late.driver);
  let heads = 0;
  late.driver.readHead = async (copy) => {
    const page = await readHead(copy);
    // The second time it looks why it cannot read on.
    if (++heads === 2) await until(() => log.compact(retaining(9, simples(1, 10))));
    return page;
  };
  await expect(readAll(late.log, 3)).rejects.toMatchObject({
    reason: "LOG_CORRUPT",
    message: expect.stringContaining("was compacted up to 9"),
  });
  expect(late.log.fault).toBeUndefined();
});
