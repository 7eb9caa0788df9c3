import { expect, onTestFinished, test } from "vitest";
import { Consistency } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { startPostgres } from "../support/postgres.ts";
import { type PostgresProxy, startPostgresProxy } from "../support/postgres-proxy.ts";
import { request } from "../support/rest-request.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { until } from "../support/until.ts";
import { connectTo, isReady, startReplica } from "./cluster.ts";

const server = sharedPostgres();

/** A replica behind a proxy of its own, and one that reaches the database directly. */
async function startTwo(flags: readonly string[] = []) {
  const url = await server.createDatabase();
  const proxy = await startPostgresProxy(server.port);
  const far = await startReplica(url.replace(`:${server.port}/`, `:${proxy.port}/`), flags);
  const near = await startReplica(url, flags);
  onTestFinished(() => proxy.close());
  return { proxy, far, near, farClient: connectTo(far), nearClient: connectTo(near) };
}

const unavailable = { code: "unavailable", reason: "LOG_UNAVAILABLE" };

test("every linearizable read sees what another replica has just acknowledged", async () => {
  const { farClient, nearClient } = await startTwo();
  for (let round = 0; round < 20; round++) {
    const value = String(round);
    const [writer, reader] = round % 2 === 0 ? [farClient, nearClient] : [nearClient, farClient];
    const { revision } = await writer.put({ key: "a", value });
    const key = `other ${round}`;
    await writer.put({ key, value });
    expect((await reader.get({ key: "a" })).entry).toMatchObject({ value, revision });
    expect((await reader.list({ prefix: key })).entries).toMatchObject([{ key, value }]);
    expect((await reader.batchGet({ keys: ["a", key] })).entries).toMatchObject([{ value }, { value }]);
    expect(
      (await reader.get({ key: "a", consistency: Consistency.LOCAL, minRevision: revision })).entry,
    ).toMatchObject({
      value,
    });
  }
});

/** The database cannot be reached by one replica. */
const ways: readonly (readonly [string, (proxy: PostgresProxy) => void])[] = [
  ["refuses connections", (proxy) => proxy.refuse()],
  ["does not answer", (proxy) => proxy.freeze()],
];
test.each(ways)("a replica whose database %s reads what it has, and nothing else", async (_, takeAway) => {
  const { proxy, far, farClient, nearClient } = await startTwo(["--revision-wait-ms", "300"]);
  const { revision } = await nearClient.put({ key: "a", value: "1" });
  await farClient.get({ key: "a", minRevision: revision });
  takeAway(proxy);
  await nearClient.put({ key: "a", value: "2" });

  const local = { consistency: Consistency.LOCAL };
  expect((await farClient.get({ key: "a", ...local })).entry?.value).toBe("1");
  expect((await farClient.list({ ...local })).entries).toHaveLength(1);
  expect((await farClient.batchGet({ keys: ["a"], ...local })).entries[0]?.value).toBe("1");
  const rest = `http://${far.address}`;
  expect(await textOf(rest, "/v1/key/a?consistency=local")).toEqual([200, "1"]);
  expect(await textOf(rest, `/v1/key/a?consistency=local&min_revision=${revision}`)).toEqual([200, "1"]);

  const failing = [
    farClient.get({ key: "a" }),
    farClient.list({}),
    farClient.batchGet({ keys: ["a"] }),
    farClient.get({ key: "a", minRevision: revision }),
  ];
  for (const outcome of await Promise.allSettled(failing)) {
    expect(outcome).toMatchObject({ status: "rejected", reason: { code: "unavailable" } });
  }
  const [status] = await textOf(rest, "/v1/key/a");
  expect(status).toBe(503);
  // A write that was on its way when the database fell silent may have happened.
  const writes = [
    farClient.put({ key: "b", value: "1" }),
    farClient.delete({ key: "a" }),
    // A read in all but name: what it says must be true now.
    farClient.put({
      key: "a",
      value: "3",
      precondition: { condition: { case: "exists", value: false } },
    }),
  ];
  for (const outcome of await Promise.allSettled(writes)) {
    expect(outcome).toMatchObject({ status: "rejected", reason: { code: "unavailable" } });
  }
  await until(async () => !(await isReady(far)));

  // A revision that this replica cannot hear of.
  await expect(farClient.get({ key: "a", minRevision: revision + 1n, ...local })).rejects.toMatchObject({
    code: "unavailable",
    reason: "REVISION_NOT_REACHED",
  });
  expect(
    (await request(rest, "GET", `/v1/key/a?consistency=local&min_revision=${revision + 1n}`)).status,
  ).toBe(503);

  proxy.restore();
  await until(() => isReady(far));
  expect((await farClient.get({ key: "a", minRevision: revision + 1n })).entry?.value).toBe("2");
});

test("while the database is down, nothing is written and nothing is said that may be old", async () => {
  const own = await startPostgres();
  onTestFinished(() => own.stop());
  const url = await own.createDatabase();
  const replicas = await Promise.all([startReplica(url), startReplica(url)]);
  const clients = replicas.map((replica) => connectTo(replica)) as [KeyValueClient, KeyValueClient];
  const { revision } = await clients[0].put({ key: "a", value: "1" });
  await clients[1].get({ key: "a" });
  await own.kill();
  for (const [index, client] of clients.entries()) {
    expect((await client.get({ key: "a", consistency: Consistency.LOCAL })).revision).toBe(revision);
    await expect(client.get({ key: "a" })).rejects.toMatchObject(unavailable);
    await expect(client.put({ key: "a", value: "2" })).rejects.toMatchObject(unavailable);
    await until(async () => !(await isReady(replicas[index] as ServerProcess)));
  }
  await own.restart();
  for (const replica of replicas) await until(() => isReady(replica));
  expect((await clients[1].put({ key: "a", value: "3" })).revision).toBe(revision + 1n);
  expect((await clients[0].get({ key: "a" })).entry?.value).toBe("3");
});

test("a read waits for the revision that it asks for", async () => {
  const { proxy, far, farClient, nearClient } = await startTwo();
  const { revision } = await nearClient.put({ key: "a", value: "1" });
  await farClient.get({ key: "a" });
  proxy.freeze();
  const writes = await Promise.all(["2", "3"].map((value) => nearClient.put({ key: "a", value })));
  const newest = writes.map((write) => write.revision).reduce((a, b) => (a > b ? a : b));
  expect(newest).toBe(revision + 2n);
  const local = { consistency: Consistency.LOCAL };
  const reads = [
    farClient.get({ key: "a", minRevision: newest, ...local }).then((answer) => answer.revision),
    farClient.list({ minRevision: newest, ...local }).then((answer) => answer.revision),
    farClient.batchGet({ keys: ["a"], minRevision: newest, ...local }).then((answer) => answer.revision),
    request(`http://${far.address}`, "GET", `/v1/key/a?consistency=local&min_revision=${newest}`).then(
      (answer) => BigInt(answer.headers["duetkv-revision"] as string),
    ),
  ];
  // It is answered all the same.
  expect((await farClient.get({ key: "a", ...local })).entry?.value).toBe("1");
  proxy.restore();
  for (const seen of await Promise.all(reads)) expect(seen).toBeGreaterThanOrEqual(newest);
});

async function textOf(origin: string, target: string): Promise<[number, string]> {
  const { status, body } = await request(origin, "GET", target);
  return [status, body.toString()];
}
