import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { type PostgresServer, startPostgres } from "../../support/postgres.ts";
import { createRandom, rounds, seed } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { readAll } from "../log-model.ts";
import { marksOf, Replica } from "../replica.ts";
import { expectNothingOpen, openReplica } from "./loggers.ts";

/** Writes until `state.done`; ignores writes that the database refuses. */
async function keepWriting(replica: Replica, state: { readonly done: boolean }) {
  while (!state.done) {
    try {
      await replica.write(3);
    } catch (error) {
      expect(error).toMatchObject({ reason: expect.stringMatching(/LOG_UNAVAILABLE|OUTCOME_UNKNOWN/) });
      await delay(10);
    }
  }
}

async function expectSurvived(server: PostgresServer, url: string, replicas: readonly Replica[]) {
  await until(() => replicas.every(({ log }) => log.fault === undefined));
  await Promise.all(replicas.map((replica) => replica.caughtUp()));
  const log = await readAll((replicas[0] as Replica).log);
  const marks = marksOf(log);
  expect(new Set(marks).size).toBe(marks.length);
  const present = new Set(marks);
  for (const { acknowledged, applied, failure } of replicas) {
    expect(failure).toBeUndefined();
    expect(acknowledged.filter((mark) => !present.has(mark))).toEqual([]);
    expect(applied).toEqual(log);
  }
  const known = new Set(replicas.flatMap(({ acknowledged, unknown }) => [...acknowledged, ...unknown]));
  expect(marks.filter((mark) => !known.has(mark))).toEqual([]);
  for (const replica of replicas) await replica.close();
  await expectNothingOpen(server, url);
}

it(`neither loses nor repeats a write when the database is killed during appends (SEED=${seed})`, async () => {
  const random = createRandom(seed);
  const server = await startPostgres();
  try {
    const url = await server.createDatabase();
    const options = { heartbeatMs: 50, outcomeMs: 500, connectTimeoutMs: 1_000 };
    const replicas = await Promise.all(
      ["one", "two", "three"].map((name) => openReplica(url, name, options)),
    );
    const state = { done: false };
    const writing = replicas.map((replica) => keepWriting(replica, state));
    for (let round = 0; round < 4 * rounds; round++) {
      const before = replicas.map(({ acknowledged }) => acknowledged.length);
      await until(() =>
        replicas.every(({ acknowledged }, index) => acknowledged.length > (before[index] ?? 0)),
      );
      await delay(random.below(100));
      await server.kill();
      // Sometimes shorter than `outcomeMs`, sometimes longer.
      await delay(random.below(1_200));
      await server.restart();
    }
    const before = replicas.map(({ acknowledged }) => acknowledged.length);
    await until(() =>
      replicas.every(({ acknowledged }, index) => acknowledged.length > (before[index] ?? 0)),
    );
    state.done = true;
    await Promise.all(writing);
    await expectSurvived(server, url, replicas);
  } finally {
    await server.stop();
  }
});
