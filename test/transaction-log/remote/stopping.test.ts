import { expect, it, onTestFinished } from "vitest";
import { MemoryLogEngine } from "../../support/memory-log-engine.ts";
import { seed } from "../../support/random.ts";
import { readAll, simple } from "../log-model.ts";
import { openLogger } from "./loggers.ts";

it("never appends what was refused at shutdown while the log was read", async () => {
  const engine = new MemoryLogEngine(seed);
  const one = await openLogger(engine, { heartbeatMs: 1_000_000 });
  const stop = new AbortController();
  const two = await openLogger(engine, { heartbeatMs: 1_000_000, stopping: stop.signal, stoppingMs: 20 });
  onTestFinished(() => one.close());
  await one.append(0, [simple(1)]);
  const driver = [...engine.drivers].at(-1)!;
  const held = Promise.withResolvers<void>();
  const barrier = driver.barrier.bind(driver);
  driver.barrier = async (known) => {
    await held.promise;
    return barrier(known);
  };
  stop.abort();
  await expect(two.append(1, [simple(2)])).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
  held.resolve();
  await two.close();
  expect(await readAll(one)).toEqual([simple(1)]);
});
