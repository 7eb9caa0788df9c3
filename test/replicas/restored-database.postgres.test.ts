import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Consistency } from "../../gen/duetkv/v1/key_value_pb.ts";
import { runCli } from "../cli/run-cli.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { request } from "../support/rest-request.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { connectTo, expectSameState, startReplica, startReplicas, stateOf } from "./cluster.ts";

const server = sharedPostgres();

/** Creates a database with some writes, and a function that restores this state. */
async function createRestorable() {
  const url = await server.createDatabase();
  const name = new URL(url).pathname.slice(1);
  const admin = server.url("postgres");
  const replica = await startReplica(url);
  const client = connectTo(replica);
  for (const key of ["a", "b", "c"]) await client.put({ key, value: "saved" });
  const saved = await stateOf(replica);
  expect(await replica.stop()).toBe(0);
  await server.query(admin, `CREATE DATABASE ${name}_saved TEMPLATE ${name}`);
  const restore = async () => {
    await server.query(admin, `DROP DATABASE ${name} WITH (FORCE)`);
    await server.query(admin, `CREATE DATABASE ${name} TEMPLATE ${name}_saved`);
  };
  return { url, saved, restore };
}

const wentBack = { code: "unavailable", reason: "DATABASE_WENT_BACK_IN_TIME" };

/** Waits until the replica detects the fault; asserts one log line, and that writes and linearizable reads are refused. */
async function expectRefusal(replica: ServerProcess, client: KeyValueClient, message: RegExp): Promise<void> {
  const readiness = () => request(`http://${replica.adminAddress}`, "GET", "/readyz");
  await until(async () => message.test((await readiness()).body.toString()));
  expect((await readiness()).status).toBe(503);
  expect((await request(`http://${replica.adminAddress}`, "GET", "/livez")).status).toBe(200);
  await until(() => replica.lines.some((line) => message.test(line)));
  await expect(client.put({ key: "new", value: "new" })).rejects.toMatchObject(wentBack);
  await expect(client.get({ key: "a" })).rejects.toMatchObject(wentBack);
  await expect(client.list({})).rejects.toMatchObject(wentBack);
  expect(
    replica.lines.filter((line) => /"level":(?:40|50|"warn"|"error")/.test(line) && message.test(line))
      .length,
  ).toBe(1);
}

test("replicas whose database went back in time report that, and serve only LOCAL reads", async () => {
  const { url, saved, restore } = await createRestorable();
  const replicas = await startReplicas(url, 2);
  const clients = replicas.map((replica) => connectTo(replica));
  for (const client of clients) await client.put({ key: "lost", value: "lost" });
  const before = await expectSameState(replicas);
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const watched = clients.map(async (client) => {
    for await (const { revision } of client.watch({ prefix: "" }, abort.signal)) {
      expect(revision).toBe(BigInt(before.revision));
    }
  });
  const watches = Promise.allSettled(watched);

  // No writes run during the restore: every later acknowledgement would belong to a second history.
  await restore();
  for (const [index, replica] of replicas.entries()) {
    await expectRefusal(replica, clients[index] as KeyValueClient, /went back in time: it ends at/);
  }
  for (const watch of await watches) expect(watch).toMatchObject({ status: "rejected", reason: wentBack });
  for (const [index, client] of clients.entries()) {
    const { entry } = await client.get({ key: "lost", consistency: Consistency.LOCAL });
    expect(entry?.value).toBe("lost");
    expect(await stateOf(replicas[index] as ServerProcess)).toEqual(before);
  }

  const [first, second] = replicas as [ServerProcess, ServerProcess];
  // As docs/runbook.md says how to save what is lost.
  const { address } = first;
  const file = join(await temporaryDirectory(), "store.snapshot");
  expect((await runCli(["snapshot", "save", file], { address })).code).toBe(0);
  expect((await runCli(["export"], { address })).stderr).toContain("went back in time");
  const { code, stdout } = await runCli(["export", "--local"], { address });
  expect([code, stdout.toString()]).toEqual([0, expect.stringContaining('"key":"lost","value":"lost"')]);

  // A restart accepts the loss.
  expect(await first.stop()).toBe(0);
  const fresh = await startReplica(url);
  expect(await stateOf(fresh)).toEqual(saved);
  const { revision } = await connectTo(fresh).put({ key: "lost", value: "again" });
  expect(revision).toBe(BigInt(saved.revision + 1));
  // A replica without a restart refuses permanently.
  await expect(connectTo(second).put({ key: "new", value: "new" })).rejects.toMatchObject(wentBack);
  expect(await stateOf(second)).toEqual(before);
});

test("a replica detects the restore also when other replicas have written since", async () => {
  const { url, saved, restore } = await createRestorable();
  const old = await startReplica(url);
  const client = connectTo(old);
  const { revision } = await client.put({ key: "lost", value: "lost" });
  process.kill(old.pid, "SIGSTOP");
  await restore();
  const fresh = await startReplica(url);
  const other = connectTo(fresh);
  for (let count = saved.revision; count < Number(revision) + 3; count++)
    await other.put({ key: "new", value: "new" });
  const calls = [
    client.get({ key: "a" }),
    client.put({ key: "new", value: "of the old" }),
    client.put({ key: "a", value: "x", precondition: { condition: { case: "exists", value: false } } }),
    client.get({ key: "new", minRevision: revision + 1n, consistency: Consistency.LOCAL }),
  ];
  const outcomes = Promise.allSettled(calls);
  process.kill(old.pid, "SIGCONT");
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ status: "rejected", reason: { code: "unavailable" } });
  }
  await expectRefusal(old, client, /went back in time/);
  expect((await other.get({ key: "new" })).entry?.value).toBe("new");
});

test("a replica refuses a database that replaced its own", async () => {
  const { url } = await createRestorable();
  const replica = await startReplica(url);
  const name = new URL(url).pathname.slice(1);
  await server.query(server.url("postgres"), `DROP DATABASE ${name} WITH (FORCE)`);
  const fresh: ServerProcess = await startReplica(url);
  await expectRefusal(replica, connectTo(replica), /went back in time: it contains another log/);
  expect((await stateOf(fresh)).revision).toBe(0);
});
