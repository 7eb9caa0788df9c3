import { once } from "node:events";
import { connect, createServer } from "node:net";
import { pipeline } from "node:stream";
import { expect, it, onTestFinished } from "vitest";
import type { Connection } from "../../../src/transaction-log/postgres/connection/connection.ts";
import { Connections } from "../../../src/transaction-log/postgres/connection/connections.ts";
import { UnreplicatedError } from "../../../src/transaction-log/postgres/connection/database-error.ts";
import { Hosts } from "../../../src/transaction-log/postgres/connection/hosts.ts";
import { startPostgres } from "../../support/postgres.ts";
import { sharedPostgres } from "../../support/shared-postgres.ts";

const server = sharedPostgres();

function openConnections(...urls: readonly string[]): Connections {
  const connections = new Connections({
    hosts: new Hosts(urls),
    schema: "duetkv",
    connectTimeoutMs: 60_000,
    statementTimeoutMs: 60_000,
  });
  onTestFinished(() => connections.close());
  return connections;
}

async function portOf(connection: Connection): Promise<unknown> {
  const { rows } = await connection.query({ text: "SELECT pg_catalog.inet_server_port() AS port" });
  return rows[0]?.["port"];
}

/** Passes connections on until it is shut; those that are open then stay open. */
async function startDoor(to: number): Promise<{ readonly port: number; shut(): void }> {
  const door = createServer((client) => {
    const upstream = connect(to, "127.0.0.1");
    pipeline(client, upstream, () => {});
    pipeline(upstream, client, () => {});
  }).listen(0, "127.0.0.1");
  await once(door, "listening");
  onTestFinished(() => void door.close());
  return { port: (door.address() as { port: number }).port, shut: () => door.close() };
}

it("a commit that did not wait for the standby is detected, whatever client_min_messages is", async () => {
  const url = await server.createDatabase();
  const name = new URL(url).pathname.slice(1);
  await server.query(server.url("postgres"), `ALTER DATABASE ${name} SET client_min_messages = 'error'`);
  const connection = await openConnections(url).take();
  // What PostgreSQL sends when the wait of a commit is cancelled: a warning.
  const warning = connection.query({ text: "DO $$ BEGIN RAISE WARNING 'canceling wait'; END $$" });
  await expect(warning).rejects.toBeInstanceOf(UnreplicatedError);
});

it("no connection to the old server is used once another one was found to be the primary", async () => {
  const next = await startPostgres();
  onTestFinished(() => next.stop());
  const door = await startDoor(server.port);
  const old = (await server.createDatabase()).replace(`:${server.port}/`, `:${door.port}/`);
  const connections = openConnections(old, await next.createDatabase());
  const [idle, lent] = [await connections.take(), await connections.take()];
  expect([await portOf(idle), await portOf(lent)]).toEqual([server.port, server.port]);
  connections.giveBack(idle);
  let changes = 0;
  connections.onServerChange = () => changes++;
  door.shut();
  const promoted = await connections.take(true);
  expect(await portOf(promoted)).toBe(next.port);
  expect(changes).toBe(1);
  // What it would respond may be out of date.
  await expect(portOf(lent)).rejects.toBeInstanceOf(Error);
  connections.giveBack(lent);
  expect(await portOf(await connections.take())).toBe(next.port);
  expect(await portOf(await connections.take())).toBe(next.port);
  expect(changes).toBe(1);
});
