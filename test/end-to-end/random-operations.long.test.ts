import { readdirSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import type { Precondition } from "../../gen/duetkv/v1/key_value_pb.ts";
import { CallFailure, type KeyValueClient } from "../support/key-value-client.ts";
import { createRandom, type Random, rounds, seed } from "../support/random.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { withClients } from "./every-client.ts";
import {
  type Check,
  type Condition,
  fromEntry,
  type ListOptions,
  Model,
  type Mutation,
  type Value,
  withoutValue,
} from "./random-operations-model.ts";

const restarts = 8 * rounds;
const operationsBetween = 250;

// Short names that collide, share prefixes, and are awkward in paths, in JSON and in byte order.
const names = [
  "a",
  "a/",
  "a/b",
  "a//b",
  "a/b/c",
  "b",
  "..",
  ".",
  "%2F",
  ":watch",
  "__proto__",
  "\u{fb00}",
  "\u{1f600}",
];
const keys = [...names, ...names.map((name) => `${name} \t?#&="`), "x".repeat(1024)];

test(`answers like a Map, also after restarts, kills and compactions (seed ${seed})`, async () => {
  console.log(`SEED=${seed}`);
  const random = createRandom(seed);
  const directory = await temporaryDirectory();
  const small = ["--compaction-bytes-min", "20000", "--watch-history-events-max", "100"];
  const flags = ["--log", `file:${directory}`, ...small];
  const model = new Model();
  for (let run = 0; run <= restarts; run++) {
    const server = await startServerProcess(flags);
    onTestFinished(() => void server.stop("SIGKILL"));
    await operate(server, model, random);
    const signal = random.pick(["SIGTERM", "SIGKILL"] as const);
    expect(await server.stop(signal)).toBe(signal === "SIGTERM" ? 0 : signal);
  }
  // A kill during a compaction leaves two snapshots; the next start removes the old one.
  const last = await startServerProcess(["--log", `file:${directory}`]);
  expect(await last.stop()).toBe(0);
  expect(readdirSync(directory).filter((name) => name.endsWith(".snapshot"))).toHaveLength(1);
});

async function operate(server: ServerProcess, model: Model, random: Random): Promise<void> {
  await withClients(server.address, async (clients) => {
    for (const client of clients) await compareList(client, model, {}, random);
    for (let operation = 0; operation < operationsBetween; operation++) {
      const client = random.pick(clients);
      const compare = random.pick([compareWrite, compareWrite, compareCommit, compareGet, compareBatchGet]);
      await compare(client, model, random);
      if (random.chance(0.1)) await compareList(client, model, randomList(random), random);
    }
  });
}

/** A Put or a Delete: a Commit of one change, whose check is the precondition. */
async function compareWrite(client: KeyValueClient, model: Model, random: Random): Promise<void> {
  const mutation = randomMutation(random, random.pick(keys));
  const { key } = mutation;
  const condition = random.chance(0.3) ? randomCondition(random, model, key) : undefined;
  const request = { key, ...(condition && { precondition: toPrecondition(condition) }) };
  if (mutation.value === undefined) {
    const told = await outcome(client.delete(request));
    const { deleted, ...expected } = model.commit(condition ? [{ key, condition }] : [], [mutation]);
    expect(told).toMatchObject(deleted ? { ...expected, deleted: deleted[0] } : expected);
  } else {
    const told = await outcome(client.put({ ...request, ...toFields(mutation) }));
    const { deleted, ...expected } = model.commit(condition ? [{ key, condition }] : [], [mutation]);
    expect({ ...told, entry: told.entry && fromEntry(told.entry) }).toMatchObject({
      ...expected,
      entry: deleted && withoutValue(model.entries.get(key)),
    });
  }
}

async function compareCommit(client: KeyValueClient, model: Model, random: Random): Promise<void> {
  const chosen = keys.filter(() => random.chance(0.15));
  const mutations = chosen.map((key) => randomMutation(random, key));
  const checks: Check[] = [];
  // A commit without anything in it would be refused.
  while (checks.length + mutations.length === 0 || random.chance(0.3)) {
    const key = random.pick(keys);
    checks.push({ key, condition: randomCondition(random, model, key) });
  }
  const told = await outcome(
    client.commit({
      checks: checks.map(({ key, condition }) => ({ key, precondition: toPrecondition(condition) })),
      mutations: mutations.map(toMutationMessage),
    }),
  );
  const { deleted, ...expected } = model.commit(checks, mutations);
  expect(told).toMatchObject(expected);
  const results = told.results?.map(({ entry, deleted: one }) => (entry ? fromEntry(entry) : one));
  expect(results).toEqual(
    deleted?.map((existed, index) => {
      const { key, value } = mutations[index] as Mutation;
      return value === undefined ? existed : withoutValue(model.entries.get(key));
    }),
  );
}

async function compareGet(client: KeyValueClient, model: Model, random: Random): Promise<void> {
  const key = random.pick(keys);
  const told = await outcome(client.get({ key }));
  const entry = model.entries.get(key);
  const expected = entry ? { revision: model.revision, entry } : { reason: "NO_SUCH_KEY" };
  expect({ ...told, ...(told.entry && { entry: fromEntry(told.entry) }) }).toMatchObject(expected);
}

async function compareBatchGet(client: KeyValueClient, model: Model, random: Random): Promise<void> {
  const asked = Array.from({ length: 1 + random.below(20) }, () => random.pick(keys));
  const { revision, entries, missingKeys } = await client.batchGet({ keys: asked });
  expect(revision).toBe(model.revision);
  expect(entries.map(fromEntry)).toEqual(asked.flatMap((key) => model.entries.get(key) ?? []));
  expect(missingKeys).toEqual(asked.filter((key) => !model.entries.has(key)));
}

async function compareList(
  client: KeyValueClient,
  model: Model,
  options: ListOptions,
  random: Random,
): Promise<void> {
  const expected = model.list(options);
  const keysOnly = random.chance(0.3);
  const pageSize = random.below(8);
  const listed = [];
  for (let pageToken = ""; ; ) {
    const page = await client.list({ ...options, keysOnly, pageSize, pageToken });
    expect(page.revision).toBe(model.revision);
    if (pageSize > 0) expect(page.entries.length).toBeLessThanOrEqual(pageSize);
    listed.push(...page.entries.map(fromEntry));
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  expect(listed).toEqual(keysOnly ? expected.map(withoutValue) : expected);
  const { count } = await client.list({ ...options, countOnly: true });
  expect(count).toBe(BigInt(expected.length));
}

/** The answer, or why there is none. */
async function outcome<T extends object>(
  call: Promise<T>,
): Promise<Partial<T> & { reason?: string; currentRevision?: bigint }> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof CallFailure) || error.reason === "") throw error;
    const current = error.metadata["current_revision"];
    return {
      reason: error.reason,
      ...(current !== undefined && { currentRevision: BigInt(current) }),
    } as never;
  }
}

function randomMutation(random: Random, key: string): Mutation {
  if (random.chance(0.3)) return { key };
  return { key, value: randomValue(random), expires: random.chance(0.2) };
}

function randomValue(random: Random): Value {
  const text = random
    .pick(["", "x", '{"value":"y"}', "\0\u{7f}\r\n", "\u{1f600}é"])
    .repeat(random.below(300));
  if (random.chance(0.5)) return text;
  return Uint8Array.from({ length: random.below(1500) }, () => random.below(256));
}

function randomCondition(random: Random, model: Model, key: string): Condition {
  const revision = model.entries.get(key)?.revision;
  if (random.chance(0.5)) return { exists: random.chance(0.5) };
  return {
    revision: revision !== undefined && random.chance(0.7) ? revision : BigInt(1 + random.below(2000)),
  };
}

function randomList(random: Random): ListOptions {
  const reverse = random.chance(0.5);
  const cut = (key: string) =>
    Array.from(key)
      .slice(0, 1 + random.below(3))
      .join("");
  if (random.chance(0.5)) return { prefix: cut(random.pick(keys)), reverse };
  const bound = () => (random.chance(0.3) ? "" : cut(random.pick(keys)));
  return { start: bound(), end: bound(), reverse };
}

function toPrecondition(condition: Condition): {
  condition: Exclude<Precondition["condition"], { case: undefined }>;
} {
  return "revision" in condition
    ? { condition: { case: "revision", value: condition.revision } }
    : { condition: { case: "exists", value: condition.exists } };
}

/** Nothing here lives long enough to expire. */
function toFields({ value, expires }: Mutation) {
  return {
    ...(typeof value === "string" ? { value } : { bytesValue: value as Uint8Array<ArrayBuffer> }),
    ...(expires === true && { ttl: { seconds: 86_400n } }),
  };
}

function toMutationMessage(mutation: Mutation) {
  const { key, value } = mutation;
  return value === undefined
    ? { kind: { case: "delete" as const, value: { key } } }
    : { kind: { case: "put" as const, value: { key, ...toFields(mutation) } } };
}
