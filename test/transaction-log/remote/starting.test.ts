import { expect, it, onTestFinished } from "vitest";
import type { Beat } from "../../../src/transaction-log/remote/driver.ts";
import { MemoryLogEngine } from "../../support/memory-log-engine.ts";
import { seed } from "../../support/random.ts";
import { readAll, simple } from "../log-model.ts";
import { openLogger } from "./loggers.ts";

it("knows the time and the replicas once it has started, also when a copy has no heartbeats yet", async () => {
  const engine = new MemoryLogEngine(seed);
  let reads = 0;
  const connect = engine.connect.bind(engine);
  engine.connect = (max) => {
    const driver = connect(max);
    const beats = driver.beats.bind(driver);
    driver.beats = async (): Promise<readonly Beat[]> => (reads++ < 3 ? [] : beats());
    return driver;
  };
  const log = await openLogger(engine, { heartbeatMs: 1_000_000 });
  onTestFinished(() => log.close());
  expect(reads).toBe(4);
  expect(Math.abs(log.clock.now() - Date.now())).toBeLessThan(60_000);
});

it("starts without reading the batches, which a compaction may drop meanwhile", async () => {
  const engine = new MemoryLogEngine(seed);
  const writer = await openLogger(engine);
  onTestFinished(() => writer.close());
  await writer.append(0, [simple(1)]);
  let reads = 0;
  const connect = engine.connect.bind(engine);
  engine.connect = (max) => {
    const driver = connect(max);
    const read = driver.read.bind(driver);
    driver.read = (after, copy) => {
      reads++;
      return read(after, copy);
    };
    return driver;
  };
  const log = await openLogger(engine, { heartbeatMs: 1_000_000 });
  onTestFinished(() => log.close());
  expect(reads).toBe(0);
  expect(await readAll(log)).toEqual([simple(1)]);
});
