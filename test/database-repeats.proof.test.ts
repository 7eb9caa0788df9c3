import { expect, test } from "vitest";
import { type Database, type Operation, openDatabase, prefixRange } from "../src/database.ts";
import { defaultLimits } from "../src/limits.ts";
import { silentLogger } from "../src/logging.ts";
import { check, operation, put, remove, repeatable, seen, touch } from "./committer/committing.ts";
import { createRandom, seed, stride } from "./support/random.ts";
import { uuid7 } from "./support/uuid7.ts";
import { openIn } from "./transaction-log/file/damaged-log.ts";
import { MemoryFileSystem } from "./transaction-log/file/memory-file-system.ts";

type Seen = ReturnType<typeof seen>;

/** Little history, so that compactions begin. */
const limits = { ...defaultLimits, compactionBytesMin: 500, watchHistoryEventsMax: 2 };

/** Each needs those before it. */
const steps: readonly Operation[] = [
  operation([put("a", "1".repeat(300))]),
  operation([put("b", "1", 3_600_000)], check("b", { exists: false })),
  operation([touch("b", 7_200_000)]),
  operation([remove("none")]),
  operation([put("a", "2".repeat(300)), remove("b"), remove("none")], check("b", { exists: true })),
  operation([], check("a", { exists: true })),
  operation([put("a", "3".repeat(300))]),
  operation([remove("a")]),
];

async function open(fileSystem: MemoryFileSystem): Promise<Database> {
  const logger = await openIn(fileSystem);
  try {
    return await openDatabase({ logger, limits, log: silentLogger });
  } catch (error) {
    await logger.close();
    throw error;
  }
}

/** Commits all requests one after the other, until the file system fails. Resolves with the outcomes. */
async function live(fileSystem: MemoryFileSystem, requests: readonly Operation[]): Promise<Seen[]> {
  const outcomes: Seen[] = [];
  let database: Database | undefined;
  try {
    database = await open(fileSystem);
    for (const request of requests) outcomes.push(seen(await database.commit(request)));
  } catch (error) {
    if (!fileSystem.isDead) throw error;
  }
  await database?.close();
  return outcomes;
}

/** Each request has happened once: those that were acknowledged then, the others now. */
async function expectExactRepeats(
  image: MemoryFileSystem,
  requests: readonly Operation[],
  acknowledged: readonly Seen[],
): Promise<void> {
  const repeats = await live(image, requests);
  expect(repeats.slice(0, acknowledged.length)).toEqual(acknowledged);
  expect(repeats.map(({ revision }) => revision)).toEqual(requests.map((_, index) => index + 1));
  expect(await live(image, requests)).toEqual(repeats);
  const database = await open(image);
  expect([database.revision, ...database.scan(prefixRange(""), false)]).toEqual([requests.length]);
  await database.close();
}

test.each([true, false])(
  `a repeat after a crash before any call of the file system is exact (durable writes %s, SEED=${seed})`,
  { timeout: 120_000 },
  async (durableWrites) => {
    const random = createRandom(seed);
    let number = 1 + (seed % stride);
    for (let died = true; died; number += stride) {
      const requests = steps.map((step) => repeatable(step, uuid7(Date.now())));
      const fileSystem = new MemoryFileSystem({ durableWrites });
      fileSystem.killBefore(number);
      const acknowledged = await live(fileSystem, requests);
      died = fileSystem.isDead;
      const images = [
        fileSystem.afterKill(),
        fileSystem.afterPowerCut(),
        fileSystem.afterPowerCut(() => random.chance(0.5)),
      ];
      for (const image of images) await expectExactRepeats(image, requests, acknowledged);
    }
    expect(number).toBeGreaterThan(30);
  },
);
