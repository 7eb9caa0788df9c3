import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { Consistency } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { type PostgresServer, startPostgres } from "../support/postgres.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { connectTo, expectSameState, startReplica, startReplicas, stateOf } from "./cluster.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

/** A database with some writes in it, and a way back to it. */
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

/** Writes until the process is gone; resolves with the values that were acknowledged. */
async function writeOn(client: KeyValueClient, name: string, running: () => boolean): Promise<string[]> {
  const acknowledged: string[] = [];
  for (let count = 0; running(); count++) {
    const value = `${name} ${count}`;
    await client.put({ key: name, value }).then(
      () => acknowledged.push(value),
      () => {},
    );
  }
  return acknowledged;
}

test("replicas whose database went back in time end, and say so", async () => {
  const { url, saved, restore } = await createRestorable();
  const replicas = await startReplicas(url, 2);
  const clients = replicas.map((replica) => connectTo(replica));
  for (const client of clients) await client.put({ key: "lost", value: "lost" });
  await expectSameState(replicas);

  // Nobody writes while the database is replaced, so that every acknowledgement from then on would be of a second history.
  await restore();
  let running = true;
  onTestFinished(() => {
    running = false;
  });
  const writing = clients.map((client, index) => writeOn(client, `writer ${index}`, () => running));
  const codes = await Promise.all(replicas.map((replica) => replica.stop("SIGCONT")));
  running = false;
  expect(codes).toEqual([1, 1]);
  expect(await Promise.all(writing)).toEqual([[], []]);
  for (const { lines } of replicas) expect(lines.join("\n")).toMatch(/went back in time/);

  const fresh = await startReplica(url);
  expect(await stateOf(fresh)).toEqual(saved);
  expect((await connectTo(fresh).put({ key: "lost", value: "again" })).revision).toBe(
    BigInt(saved.revision + 1),
  );
});

test("a replica finds that out also when others have gone on from there", async () => {
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
  expect(await old.stop("SIGCONT")).toBe(1);
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ status: "rejected", reason: { code: "unavailable" } });
  }
  expect(old.lines.join("\n")).toMatch(/went back in time/);
  expect((await other.get({ key: "new" })).entry?.value).toBe("new");
});

test("a database that was replaced by another one is refused", async () => {
  const { url } = await createRestorable();
  const replica = await startReplica(url);
  const name = new URL(url).pathname.slice(1);
  await server.query(server.url("postgres"), `DROP DATABASE ${name} WITH (FORCE)`);
  const fresh: ServerProcess = await startReplica(url);
  expect(await replica.stop("SIGCONT")).toBe(1);
  expect(replica.lines.join("\n")).toMatch(/went back in time: it holds another log/);
  expect((await stateOf(fresh)).revision).toBe(0);
});
