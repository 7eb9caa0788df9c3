import { expect, test } from "vitest";
import { findWriter } from "../support/find-writer.ts";
import { request } from "../support/rest-request.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { until } from "../support/until.ts";
import { connectTo, expectSameState, startReplicas } from "./cluster.ts";

const server = sharedPostgres();

async function forwardedBy({ adminAddress }: ServerProcess): Promise<number> {
  const { body } = await request(`http://${adminAddress}`, "GET", "/metrics");
  return Number(
    /^duetkv_forwarded_operations_total\{outcome="forwarded"\} (\d+)$/m.exec(body.toString())?.[1],
  );
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
