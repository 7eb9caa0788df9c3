import { expect, test } from "vitest";
import { findWriter } from "../support/find-writer.ts";
import { request } from "../support/rest-request.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { until } from "../support/until.ts";
import { connectTo, expectSameState, startReplicas } from "./cluster.ts";

const server = sharedPostgres();

async function forwardedBy(replica: ServerProcess, outcome = "forwarded"): Promise<number> {
  return count(replica, `forwarded_operations_total{outcome="${outcome}"}`);
}

async function count({ adminAddress }: ServerProcess, sample: string): Promise<number> {
  const { body } = await request(`http://${adminAddress}`, "GET", "/metrics");
  const line = body
    .toString()
    .split("\n")
    .find((each) => each.startsWith(`duetkv_${sample} `));
  return Number(line?.split(" ").at(-1));
}

/** Writes until the write was forwarded. */
async function untilForwarded(replica: ServerProcess): Promise<void> {
  const client = connectTo(replica);
  await until(async () => {
    const before = await forwardedBy(replica);
    await client.put({ key: replica.address, value: "x" });
    return (await forwardedBy(replica)) > before;
  });
}

test("replicas forward to the writer, and to another one when it was killed", async () => {
  const replicas = await startReplicas(await server.createDatabase(), 3);
  const writer = await findWriter(replicas);
  const others = replicas.filter((replica) => replica !== writer);
  for (const replica of others) await untilForwarded(replica);
  await writer.stop("SIGKILL");
  const [follower, next] = others as [ServerProcess, ServerProcess];
  const successor = await findWriter(others);
  await untilForwarded(successor === follower ? next : follower);
  await expectSameState(others);
  const found = await Promise.all(others.map((replica) => forwardedBy(replica)));
  expect(Math.max(...found)).toBeGreaterThan(0);
});

test("a writer that was paused does not append what another replica has given up", async () => {
  const replicas = await startReplicas(await server.createDatabase(), 2);
  const writer = await findWriter(replicas);
  const other = replicas.find((replica) => replica !== writer) as ServerProcess;
  await untilForwarded(other);
  const client = connectTo(other);
  const received = await count(writer, "received_operations_total");
  process.kill(writer.pid, "SIGSTOP");
  const before = await forwardedBy(other, "unknown");
  const first = await client.put({ key: "a", value: "1" });
  // It was on its way to the writer, and was committed once it could not succeed there.
  expect(await forwardedBy(other, "unknown")).toBe(before + 1);
  expect(first.entry?.version).toBe(1n);
  await client.put({ key: "a", value: "2" });
  process.kill(writer.pid, "SIGCONT");
  // What waited for it arrives.
  await until(async () => (await count(writer, "received_operations_total")) > received);
  // A later write of the same replica comes after it.
  await connectTo(writer).put({ key: "b", value: "x" });
  expect((await client.get({ key: "a" })).entry).toMatchObject({ value: "2", version: 2n });
  await expectSameState(replicas);
});
