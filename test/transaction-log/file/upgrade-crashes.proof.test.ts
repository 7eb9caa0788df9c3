import { readdir, readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import type { Transaction } from "../../../src/transaction-log/transaction-logger.ts";
import { seed, stride } from "../../support/random.ts";
import { readAll, replay, retaining, simple } from "../log-model.ts";
import { expectRefused, fixHeaderChecksum, openIn, pathOf } from "./damaged-log.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";

/** Far longer than it takes, so that a slow machine does not decide. */
const timeout = 120_000;

const fixtures = new URL("fixtures/0.1/", import.meta.url).pathname;
const firstSegment = pathOf(`${"1".padStart(20, "0")}.log`);

/** The log that 0.1 left: one of the fixtures, or a log without transactions. */
async function oldLog(name: string): Promise<MemoryFileSystem> {
  const fileSystem = new MemoryFileSystem({ durableWrites: true });
  if (name === "empty") {
    await (await openIn(fileSystem)).close();
    const content = Buffer.from(fileSystem.content(firstSegment));
    content.writeUInt32LE(1, 8);
    fixHeaderChecksum(content);
    fileSystem.replace(firstSegment, content);
    return fileSystem;
  }
  for (const file of await readdir(`${fixtures}${name}`)) {
    fileSystem.replace(pathOf(file), await readFile(`${fixtures}${name}/${file}`));
  }
  return fileSystem;
}

interface Life {
  /** What the log must hold. */
  readonly acknowledged: Transaction[];
  inFlight: Transaction[];
}

/** Opens the log, appends, compacts and closes it; or dies in between. */
async function upgrade(fileSystem: MemoryFileSystem, life: Life): Promise<void> {
  const log = await openIn(fileSystem);
  const append = async () => {
    const basis = life.acknowledged.at(-1)?.sequence ?? 0;
    life.inFlight = [simple(basis + 1)];
    await log.append(basis, life.inFlight);
    life.acknowledged.push(...life.inFlight.splice(0));
  };
  try {
    for (let count = 0; count < 3; count++) await append();
    await log.compact(retaining((await log.latestSequence()) - 1, life.acknowledged));
    await append();
  } finally {
    await log.close();
  }
}

async function expectHeld(fileSystem: MemoryFileSystem, { acknowledged, inFlight }: Life): Promise<void> {
  const log = await openIn(fileSystem);
  const expected = [...acknowledged];
  if ((await log.latestSequence()) !== (expected.at(-1)?.sequence ?? 0)) expected.push(...inFlight);
  const read = await readAll(log);
  expect(replay(read)).toEqual(replay(expected));
  const whole = (transactions: readonly Transaction[]) =>
    transactions.filter(({ sequence }) => sequence > log.horizon);
  expect(whole(read)).toEqual(whole(expected));
  await log.close();
}

it.each(["closed", "torn", "empty"])(
  `loses nothing in a crash between any two calls of the upgrade of a log of 0.1: %s (SEED=${seed})`,
  { timeout },
  async (name) => {
    const old = await oldLog(name);
    const log = await openIn(old.copy());
    const before = await readAll(log);
    await log.close();
    let number = 1 + (seed % stride);
    for (let died = true; died; number += stride) {
      died = false;
      const fileSystem = old.copy();
      fileSystem.intercept = (call) => {
        if (call.number === number) {
          died = true;
          fileSystem.kill();
        }
        return undefined;
      };
      const life: Life = { acknowledged: [...before], inFlight: [] };
      await upgrade(fileSystem, life).catch((error: unknown) => {
        if (!died) throw error;
      });
      for (const image of [fileSystem.afterKill(), fileSystem.afterPowerCut()]) await expectHeld(image, life);
    }
    expect(number).toBeGreaterThan(30);
  },
);

it("ends a segment of 0.1 before it writes, and refuses one whose version has changed", {
  timeout,
}, async () => {
  const fileSystem = await oldLog("empty");
  const version = () => fileSystem.content(firstSegment).readUInt32LE(8);
  expect(version()).toBe(1);
  const log = await openIn(fileSystem);
  expect(version()).toBe(2);
  await log.append(0, [simple(1)]);
  await log.close();
  // Without its frames a file of format 2 is not one of format 1: the checksum of its header is part of the chain.
  const content = Buffer.from(fileSystem.content(firstSegment));
  content.writeUInt32LE(1, 8);
  fixHeaderChecksum(content);
  fileSystem.replace(firstSegment, content);
  await expectRefused(fileSystem);
});
