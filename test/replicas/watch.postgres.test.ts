import { beforeAll, expect, onTestFinished, test } from "vitest";
import { type Event, Event_Type } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { createRandom, seed } from "../support/random.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { until } from "../support/until.ts";
import { connectTo, expectSameState, startReplica, startReplicas } from "./cluster.ts";
import { ReplicaHistory } from "./replica-history.ts";
import { Clients, Traffic } from "./traffic.ts";

const keys = Array.from({ length: 12 }, (_, index) => `key ${index}`);

const server = sharedPostgres();
beforeAll(() => console.log(`SEED=${seed}`));

/** Records events as text, one line for each transaction. */
class Recorder {
  readonly lines: string[] = [];
  resumeRevision = 0n;

  /** Watches from the last seen revision until `done()` is true, or for at most `messages` messages. */
  async watch(
    client: KeyValueClient,
    done: () => boolean,
    messages = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    const abort = new AbortController();
    onTestFinished(() => abort.abort());
    let left = messages;
    const watch = client.watch({ startRevision: this.resumeRevision }, abort.signal);
    for await (const { events, revision, resumeRevision } of watch) {
      if (events.length > 0) this.lines.push(`${revision}: ${events.map(describe).join(", ")}`);
      this.resumeRevision = resumeRevision ?? this.resumeRevision;
      if (done() || --left <= 0) break;
    }
    abort.abort();
  }
}

function describe({ type, entry, expired }: Event): string {
  const what = type === Event_Type.PUT ? `put ${entry?.value}` : expired ? "expired" : "deleted";
  return `${entry?.key} ${what} (${entry?.revision}, ${entry?.version}, ${entry?.updateTime?.seconds})`;
}

test(`all replicas send the same events in the same order, also to watchers that change replicas (seed ${seed})`, async () => {
  const random = createRandom(seed);
  const replicas = await startReplicas(await server.createDatabase(), 3);
  const clients = new Clients(random, replicas);
  onTestFinished(() => clients.close());
  const traffic = new Traffic({ history: new ReplicaHistory(), random, keys, target: clients.pick });
  let last = Number.POSITIVE_INFINITY;
  const isAtEnd = (recorder: Recorder) => () => recorder.resumeRevision >= last;
  const staying = replicas.map((replica) => ({ recorder: new Recorder(), client: connectTo(replica) }));
  const stayed = staying.map(({ recorder, client }) => recorder.watch(client, isAtEnd(recorder)));
  const moving = Array.from({ length: 3 }, () => new Recorder());
  let moves = 0;
  const moved = moving.map(async (recorder) => {
    for (; !isAtEnd(recorder)(); moves++) {
      const client = connectTo(random.pick(replicas), random.pick(["gRPC by Connect", "REST"] as const));
      await recorder.watch(client, isAtEnd(recorder), 1 + random.below(30));
    }
  });
  let calls = 0;
  await traffic.run(20, () => ++calls > 500);
  const end = connectTo(replicas[0] as ServerProcess);
  last = Number((await end.put({ key: "end", value: "end" })).revision);
  await Promise.all([...stayed, ...moved]);
  const [{ recorder: first }] = staying as [(typeof staying)[number]];
  expect(first.lines).toHaveLength(last);
  for (const { lines } of [...staying.map(({ recorder }) => recorder), ...moving]) {
    expect(lines).toEqual(first.lines);
  }
  expect(moves).toBeGreaterThan(3);
});

test("an entry expires once, at the same revision on all replicas", async () => {
  const count = 20;
  const replicas = await startReplicas(await server.createDatabase(), 3);
  const clients = replicas.map((replica) => connectTo(replica)) as [
    KeyValueClient,
    KeyValueClient,
    KeyValueClient,
  ];
  const recorders = clients.map(() => new Recorder());
  let last = Number.POSITIVE_INFINITY;
  const watched = recorders.map((recorder, index) =>
    recorder.watch(clients[index] as KeyValueClient, () => recorder.resumeRevision >= last),
  );
  const ttl = { seconds: 1n, nanos: 0 };
  await Promise.all(
    Array.from({ length: count }, (_, index) =>
      (clients[index % 3] as KeyValueClient).put({ key: `short ${index}`, value: "x", ttl }),
    ),
  );
  await clients[0].put({ key: "kept", value: "x", ttl });
  await clients[1].put({ key: "kept", value: "permanent" });
  await until(async () => (await clients[2].list({ prefix: "short", countOnly: true })).count === 0n);
  last = Number((await clients[0].put({ key: "end", value: "end" })).revision);
  await Promise.all(watched);
  const expired = recorders.map(({ lines }) => lines.filter((line) => /^\d+: short.* expired/.test(line)));
  expect(expired[0]?.map((line) => /short \d+/.exec(line)?.[0]).toSorted()).toEqual(
    Array.from({ length: count }, (_, index) => `short ${index}`).toSorted(),
  );
  for (const lines of expired) expect(lines).toEqual(expired[0]);
  // On a slow machine the kept key may expire before its second put.
  const early = recorders[0]?.lines.filter((line) => line.includes("kept expired")).length ?? 0;
  // The log has one put and one expiry for each short key, two puts of the kept key, and the last put.
  expect(last).toBe(count * 2 + 3 + early);
  expect((await clients[1].get({ key: "kept" })).entry?.value).toBe("permanent");
  await expectSameState(replicas);
});

test("the history is the same on all replicas, and after a restart and a compaction", async () => {
  const url = await server.createDatabase();
  const flags = ["--compaction-bytes-min", "5000", "--watch-history-events-max", "40"];
  const [first, second] = (await startReplicas(url, 2, flags)) as [ServerProcess, ServerProcess];
  const [writer, reader] = [connectTo(first), connectTo(second)];
  let newest = 0n;
  const compacted = async () => {
    const [row] = await server.query(url, "SELECT horizon FROM duetkv.log");
    return Number(row?.["horizon"]) > 0;
  };
  for (let value = 0; value < 100 || !(await compacted()); value++) {
    ({ revision: newest } = await writer.put({ key: `key ${value % 5}`, value: `${value}` }));
  }
  const restarted = await startReplica(url, flags);
  const clients = [writer, reader, connectTo(restarted)];
  const from = newest - 30n;
  const seen = clients.map(async (client) => {
    const recorder = new Recorder();
    recorder.resumeRevision = from;
    await recorder.watch(client, () => recorder.resumeRevision >= newest);
    const { entries, revision } = await client.list({ atRevision: from });
    const { events } = await client.history({ key: "key 1" });
    const versions = events.slice(0, 5).map(describe);
    return [recorder.lines, revision, entries.map(({ key, value }) => `${key} ${value}`), versions];
  });
  const [whatFirst, ...others] = await Promise.all(seen);
  expect(whatFirst?.[0]).toHaveLength(30);
  expect(whatFirst?.[1]).toBe(from);
  for (const what of others) expect(what).toEqual(whatFirst);
});
