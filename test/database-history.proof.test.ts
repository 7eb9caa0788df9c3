import { expect, test } from "vitest";
import { type Database, type Entry, type Mutation, openDatabase, prefixRange } from "../src/database.ts";
import { defaultLimits } from "../src/limits.ts";
import { silentLogger } from "../src/logging.ts";
import { openFileTransactionLogger } from "../src/transaction-log/file/file-transaction-logger.ts";
import { createRandom, type Random, rounds, seed } from "./support/random.ts";
import { MemoryFileSystem } from "./transaction-log/file/memory-file-system.ts";

const limits = {
  ...defaultLimits,
  watchHistoryEventsMax: 120,
  watchHistoryBytesMax: 100_000,
  compactionBytesMin: 10_000,
};

const keys = Array.from({ length: 12 }, (_, index) => `${["a", "b/", "\ue000"][index % 3]}${index}`);

/** A put or delete, as watches and the versions of a key tell it; no value: deleted. */
interface Told {
  readonly revision: number;
  readonly key: string;
  readonly value: string | undefined;
}

/** All that has happened, written down. */
class Model {
  readonly states: ReadonlyMap<string, Entry>[] = [new Map()];
  readonly told: Told[] = [];

  get revision(): number {
    return this.states.length - 1;
  }

  apply(revision: number, mutations: readonly Mutation[], entries: readonly (Entry | undefined)[]): void {
    if (revision === this.revision) return;
    expect(revision).toBe(this.revision + 1);
    const state = new Map(this.states.at(-1));
    mutations.forEach(({ type, key }, index) => {
      const entry = entries[index];
      const existed = entry === undefined ? state.delete(key) : state.set(key, entry) !== undefined;
      if (type !== "touch" && existed) this.told.push({ revision, key, value: entry?.value as string });
    });
    this.states.push(state);
  }

  /** The versions of a key back to the one that was there at `oldest`, the newest first. */
  versions(key: string, oldest: number): Told[] {
    const all = this.told.filter((each) => each.key === key);
    const base = all.findLast(({ revision }) => revision <= oldest);
    const later = all.filter(({ revision }) => revision > oldest);
    return (base?.value === undefined ? later : [base, ...later]).toReversed();
  }
}

function randomMutations(random: Random, present: ReadonlyMap<string, Entry>): Mutation[] {
  const chosen = new Set(Array.from({ length: random.chance(0.7) ? 1 : 3 }, () => random.pick(keys)));
  return [...chosen].map((key): Mutation => {
    const ttlMs = random.chance(0.5) ? 0 : 1_000_000 + random.below(1_000_000);
    if (random.chance(0.3) && present.has(key)) return { type: "touch", key, ttlMs };
    if (random.chance(0.3)) return { type: "delete", key, expired: false };
    return { type: "put", key, value: "x".repeat(random.below(300)), ttlMs };
  });
}

async function write(database: Database, model: Model, random: Random): Promise<void> {
  const mutations = randomMutations(random, model.states.at(-1) as ReadonlyMap<string, Entry>);
  await commit(database, model, mutations);
}

async function commit(database: Database, model: Model, mutations: readonly Mutation[]): Promise<void> {
  const { revision } = await database.commit({ checks: [], mutations, requestId: undefined });
  const entries = mutations.map(({ key }) => database.get(key));
  model.apply(revision, mutations, entries);
}

/** A read at a random revision, and the versions of a random key. */
async function expectPast(database: Database, model: Model, random: Random): Promise<void> {
  const { revision: newest, oldestState } = database;
  const revision = oldestState + random.below(newest - oldestState + 1);
  const state = database.at(revision);
  const expected = model.states[revision] as ReadonlyMap<string, Entry>;
  for (const key of keys) expect(state.get(key)).toEqual(expected.get(key));
  const scanned = [...state.scan(prefixRange("b/"), true)].filter((entry) => entry !== undefined);
  expect(scanned.map(({ key }) => key)).toEqual(
    [...expected.keys()]
      .filter((key) => key.startsWith("b/"))
      .toSorted()
      .toReversed(),
  );
  expect(await state.count(prefixRange(""))).toBe(expected.size);
  const key = random.pick(keys);
  const versions = [...database.versions(key, Number.POSITIVE_INFINITY)];
  const seen = versions.map(({ entry, ...version }) => ({
    revision: version.revision,
    key,
    value: entry?.value,
  }));
  expect(seen).toEqual(model.versions(key, oldestState));
}

/** What a watch of everything tells that resumes at a revision. */
async function watchFrom(database: Database, startRevision: number): Promise<Told[]> {
  const options = { selector: { prefix: "" }, startRevision, includeExisting: false, previous: true };
  const told: Told[] = [];
  const { revision: newest } = database;
  if (startRevision === newest) return told;
  for await (const { set } of database.watch(options, new AbortController().signal)) {
    for (const { key, entry } of set?.changes ?? []) {
      told.push({ revision: set?.revision ?? 0, key, value: entry?.value as string | undefined });
    }
    if ((set?.revision ?? 0) >= newest) return told;
  }
  return told;
}

test(`the past reads as it was, through restarts and compactions (seed ${seed})`, async () => {
  const random = createRandom(seed);
  const fileSystem = new MemoryFileSystem({ durableWrites: true });
  const openLogger = () => openFileTransactionLogger({ directory: "/data", segmentBytes: 4096, fileSystem });
  const open = async () => {
    const logger = await openLogger();
    return { logger, database: await openDatabase({ logger, limits, log: silentLogger }) };
  };
  const model = new Model();
  const horizons = new Set<number>();
  let { logger, database } = await open();
  for (let restart = 0; restart < 2 + rounds; restart++) {
    for (let count = 0; count < 150; count++) {
      await write(database, model, random);
      await expectPast(database, model, random);
      horizons.add(logger.horizon);
    }
    // A touch is nothing that a watch could end with.
    await commit(database, model, [{ type: "put", key: "a0", value: `${restart}`, ttlMs: 0 }]);
    const { oldestRevision } = database.status();
    const { oldestState } = database;
    await database.close();
    ({ logger, database } = await open());
    expect(database.revision).toBe(model.revision);
    expect([database.status().oldestRevision, database.oldestState]).toEqual([oldestRevision, oldestState]);
    await expectPast(database, model, random);
    const from = oldestRevision + random.below(model.revision - oldestRevision);
    expect(await watchFrom(database, from)).toEqual(model.told.filter(({ revision }) => revision > from));
  }
  await database.close();
  expect(horizons.size, "compactions happened").toBeGreaterThan(3);
});
