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

/**
 * Starts a replica behind a proxy, and one with a direct connection to the database. They audit, so that each of them
 * appends: a write must not depend on the other's connection.
 */
async function startTwo(extraFlags: readonly string[] = []) {
  const flags = [...extraFlags, "--audit", "denied"];
  const url = await server.createDatabase();
  const proxy = await startPostgresProxy(server.port);
  const far = await startReplica(url.replace(`:${server.port}/`, `:${proxy.port}/`), flags);
  const near = await startReplica(url, flags);
  onTestFinished(() => proxy.close());
  return { proxy, far, near, farClient: connectTo(far), nearClient: connectTo(near) };
}

const unavailable = { code: "unavailable", reason: "LOG_UNAVAILABLE" };

test("every linearizable read sees the newest acknowledged write of another replica", async () => {
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

/** Failures of the database for one replica. */
const ways: readonly (readonly [string, (proxy: PostgresProxy) => void])[] = [
  ["refuses connections", (proxy) => proxy.refuse()],
  ["does not respond", (proxy) => proxy.freeze()],
];
test.each(ways)("a replica whose database %s serves only LOCAL reads", async (_, takeAway) => {
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
  // The outcome of a write may be unknown, so the reason is not compared.
  const writes = [
    farClient.put({ key: "b", value: "1" }),
    farClient.delete({ key: "a" }),
    // A failed precondition is a linearizable read, too.
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

  // A revision that this replica cannot receive.
  await expect(farClient.get({ key: "a", minRevision: revision + 1n, ...local })).rejects.toMatchObject({
    code: "unavailable",
    reason: "REVISION_NOT_REACHED",
  });
  expect(
    (await request(rest, "GET", `/v1/key/a?consistency=local&min_revision=${revision + 1n}`)).status,
  ).toBe(503);

  proxy.restore();
  await until(() => isReady(far));
  // On a busy machine it takes more than the 300 ms to follow.
  await until(async () => {
    expect((await farClient.get({ key: "a", minRevision: revision + 1n })).entry?.value).toBe("2");
  });
});

test("while the database is down, writes and linearizable reads are refused", async () => {
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

test("a read waits for its min_revision", async () => {
  const { proxy, far, farClient, nearClient } = await startTwo();
  const { revision } = await nearClient.put({ key: "a", value: "1" });
  await farClient.get({ key: "a" });
  proxy.freeze();
  const writes = await Promise.all(["2", "3"].map((value) => nearClient.put({ key: "a", value })));
  const newest = writes.map((write) => write.revision).reduce((a, b) => (a > b ? a : b));
  expect(newest).toBe(revision + 2n);
  const local = { consistency: Consistency.LOCAL };
  const reads = [
    farClient.get({ key: "a", minRevision: newest, ...local }).then((response) => response.revision),
    farClient.list({ minRevision: newest, ...local }).then((response) => response.revision),
    farClient.batchGet({ keys: ["a"], minRevision: newest, ...local }).then((response) => response.revision),
    request(`http://${far.address}`, "GET", `/v1/key/a?consistency=local&min_revision=${newest}`).then(
      (response) => BigInt(response.headers["duetkv-revision"] as string),
    ),
  ];
  // A LOCAL read without min_revision does not wait.
  expect((await farClient.get({ key: "a", ...local })).entry?.value).toBe("1");
  proxy.restore();
  for (const seen of await Promise.all(reads)) expect(seen).toBeGreaterThanOrEqual(newest);
});

async function textOf(origin: string, target: string): Promise<[number, string]> {
  const { status, body } = await request(origin, "GET", target);
  return [status, body.toString()];
}
