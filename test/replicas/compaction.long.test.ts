import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { Consistency } from "../../gen/duetkv/v1/key_value_pb.ts";
import { createRandom, rounds, seed } from "../support/random.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { until } from "../support/until.ts";
import { readAll } from "../transaction-log/log-model.ts";
import { openLogger } from "../transaction-log/postgres/loggers.ts";
import { connectTo, expectSameState, startReplica, startReplicas } from "./cluster.ts";
import { ReplicaHistory, readTruth } from "./replica-history.ts";
import { Clients, Traffic } from "./traffic.ts";

const keys = Array.from({ length: 12 }, (_, index) => `key ${index}`);
/** The least number of restarts. */
const restarts = 3 * rounds;
const flags = ["--compaction-bytes-min", "5000", "--watch-history-events-max", "20"];

const server = sharedPostgres();
beforeAll(() => console.log(`SEED=${seed}`));

async function horizonOf(url: string): Promise<number> {
  const [row] = await server.query(url, "SELECT horizon FROM duetkv.log");
  return Number(row?.["horizon"]);
}

test(`compaction does not change the log while replicas start and stop (seed ${seed})`, async () => {
  const random = createRandom(seed);
  const url = await server.createDatabase();
  const replicas = await startReplicas(url, 3, flags);
  const clients = new Clients(random, replicas);
  onTestFinished(() => clients.close());
  const history = new ReplicaHistory();
  const end: { revision?: number } = {};
  // The watch starts before the first compaction; a later one would find the past compacted.
  const watched = readTruth(connectTo(replicas[0] as ServerProcess), () => end.revision);
  const horizons = new Set<number>();
  let changes = 0;
  const traffic = new Traffic({ history, random, keys, target: clients.pick });
  const running = traffic.run(
    15,
    () => changes === restarts && horizons.size > 2 && history.operations > 300,
  );
  const observing = (async () => {
    while (end.revision === undefined) {
      horizons.add(await horizonOf(url));
      await delay(50);
    }
  })();
  for (; changes < restarts; changes++) {
    await delay(300);
    const index = 1 + (changes % 2);
    const leaving = replicas[index] as ServerProcess;
    clients.remove(leaving);
    await leaving.stop(random.pick(["SIGKILL", "SIGTERM"]));
    replicas[index] = await startReplica(url, flags);
    clients.add(replicas[index]);
  }
  await running;
  replicas.push(await startReplica(url, flags));
  const { revision } = await expectSameState(replicas);
  await connectTo(replicas[1] as ServerProcess).put({ key: "end", value: "end" });
  end.revision = revision + 1;
  await observing;
  const truth = await watched;
  truth.delete(BigInt(revision + 1));
  expect(truth.size).toBe(revision);
  expect(history.problems(truth)).toEqual([]);
  // A replay has fewer events than the clients wrote.
  const log = await openLogger(url);
  onTestFinished(() => log.close());
  const old = (await readAll(log)).filter(({ sequence }) => sequence <= log.horizon);
  expect(old.flatMap(({ events }) => events).length).toBeLessThanOrEqual(keys.length + 1);
});

test("a paused replica exits with an error when its part of the log was compacted", async () => {
  const url = await server.createDatabase();
  // With an audit each appends by itself: the paused one is not the writer of the other.
  const alone = [...flags, "--audit", "denied"];
  const [away, near] = (await startReplicas(url, 2, alone)) as [ServerProcess, ServerProcess];
  const [client, writer] = [connectTo(away), connectTo(near)];
  await writer.put({ key: "a", value: "0" });
  await client.get({ key: "a" });
  process.kill(away.pid, "SIGSTOP");
  const { revision } = await writer.put({ key: "a", value: "1" });
  // As after a minute without a heartbeat: it counts as dead.
  const count = await server.query(
    url,
    "UPDATE duetkv.replicas SET seen = seen - interval '1 hour' WHERE name LIKE $1 RETURNING id",
    [`%:${away.pid}`],
  );
  expect(count).toHaveLength(1);
  for (let value = 2; (await horizonOf(url)) <= revision; value++) {
    await writer.put({ key: "a", value: `${value} ${"x".repeat(500)}` });
  }
  const reads = [
    client.get({ key: "a" }),
    client.put({ key: "a", value: "lost" }),
    client.get({ key: "a", minRevision: revision, consistency: Consistency.LOCAL }),
  ];
  const outcomes = Promise.allSettled(reads);
  expect(await away.stop("SIGCONT")).toBe(1);
  // Neither stale reads nor writes outside the log of the others.
  for (const outcome of await outcomes) expect(outcome.status).toBe("rejected");
  expect(away.lines.join("\n")).toMatch(/compacted up to \d+, beyond/);
  expect((await writer.get({ key: "a" })).entry?.value).not.toBe("lost");
  await expectSameState([near, await startReplica(url, flags)]);
});

test("a replica that starts on an idle log does not delay compaction", async () => {
  const url = await server.createDatabase();
  const near = await startReplica(url, flags);
  const writer = connectTo(near);
  await writer.put({ key: "a", value: "0" });
  const late = await startReplica(url, flags);
  await until(async () => {
    const rows = await server.query(url, "SELECT applied FROM duetkv.replicas WHERE name LIKE $1", [
      `%:${late.pid}`,
    ]);
    return rows[0]?.["applied"] === "1";
  });
});
