import { describe, expect, it, onTestFinished } from "vitest";
import type { Copy } from "../../../src/transaction-log/remote/driver.ts";
import { inspectRemoteLog } from "../../../src/transaction-log/remote/inspect.ts";
import { type MemoryLogDriver, MemoryLogEngine } from "../../support/memory-log-engine.ts";
import { seed } from "../../support/random.ts";
import { readAll, retaining, simple, simples } from "../log-model.ts";
import { openLogger } from "./loggers.ts";

/** A compacted log and its writer. Reads of any copy of the head read the second one. */
async function makeLog() {
  const engine = new MemoryLogEngine(seed);
  const readSecond = (driver: MemoryLogDriver) => {
    const readHead = driver.readHead.bind(driver);
    driver.readHead = (copy: Copy) => readHead(copy === "any" ? 1 : copy);
    return driver;
  };
  const connect = engine.connect.bind(engine);
  engine.connect = (messageBytesMax) => readSecond(connect(messageBytesMax));
  const open = async () => {
    const log = await openLogger(engine);
    onTestFinished(() => log.close());
    return log;
  };
  const log = await open();
  for (let basis = 0; basis < 10; basis++) await log.append(basis, [simple(basis + 1)]);
  log.applied(10);
  await log.compact(retaining(5, simples(1, 10)));
  const kept = await readAll(log);
  const damageHead = (copies: readonly number[], how: "lost" | "flipped") => {
    const { position } = engine.messages.find(({ kind }) => kind === "head")!;
    for (const copy of copies) engine.damageCopy(copy, position, how);
  };
  return { engine, log, open, kept, damageHead };
}

const heads = ({ messages }: MemoryLogEngine) => messages.filter(({ kind }) => kind === "head").length;

describe.each(["lost", "flipped"] as const)("a head that copies have %s", (how) => {
  it.each([
    ["one follower", [1]],
    ["two followers", [1, 2]],
    ["the leader and a follower", [0, 1]],
  ] as const)("is read from a whole copy: %s", async (_, copies) => {
    const { engine, log, open, kept, damageHead } = await makeLog();
    damageHead(copies, how);
    // After a new connection a replica checks whether the log is still the same.
    const [driver] = [...engine.drivers] as [MemoryLogDriver];
    driver.disconnected = true;
    driver.disconnected = false;
    expect(await log.latestSequence()).toBe(10);
    expect(log.fault).toBeUndefined();
    expect(log.usage.damagedReads).toBeGreaterThan(0);
    const late = await open();
    expect(late.id).toBe(log.id);
    expect(await readAll(late)).toEqual(kept);
    expect(heads(engine)).toBe(1);
    const damagedReads: string[] = [];
    const report = await inspectRemoteLog(engine.connect(), {
      onDamagedRead: ({ what, copies: named }) => damagedReads.push(`${what} ${named}`),
    });
    expect(report).toMatchObject({ lastSequence: 10, horizon: 5, damage: undefined });
    expect(damagedReads[0]).toMatch(/message \d+.* one, two and three$/);
    late.applied(10);
    // A compaction writes a new head.
    await log.compact(retaining(8, simples(1, 10)));
    expect(await readAll(late)).toEqual(await readAll(log));
  });
});

it("is LOG_CORRUPT when all copies of the head are damaged, and names them", async () => {
  const { open, damageHead } = await makeLog();
  damageHead([0, 1, 2], "flipped");
  await expect(open()).rejects.toMatchObject({
    reason: "LOG_CORRUPT",
    message: expect.stringMatching(/message \d+ cannot be decoded.*one, two and three/),
  });
});

it("is no new log while the leader does not respond", async () => {
  const { engine, log, damageHead } = await makeLog();
  damageHead([1], "lost");
  const driver = engine.connect();
  const readHead = driver.readHead.bind(driver);
  driver.readHead = async (copy) => {
    if (copy !== "any") throw new Error("no response");
    return readHead(copy);
  };
  await expect(inspectRemoteLog(driver)).rejects.toThrow("no response");
  expect(log.fault).toBeUndefined();
});
