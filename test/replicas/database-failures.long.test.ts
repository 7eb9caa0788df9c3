import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { startPostgres } from "../support/postgres.ts";
import { startPostgresProxy } from "../support/postgres-proxy.ts";
import { rounds, seed } from "../support/random.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { until } from "../support/until.ts";
import { checkTraffic } from "./check-traffic.ts";
import { connectTo, expectSameState, isReady, startReplica } from "./cluster.ts";

const server = sharedPostgres();
beforeAll(() => console.log(`SEED=${seed}`));

test(`a database that is killed during writes loses no acknowledged write (seed ${seed})`, async () => {
  const own = await startPostgres();
  onTestFinished(() => own.stop());
  const history = await checkTraffic(await own.createDatabase(), async (ready) => {
    for (let kill = 0; kill < 2 * rounds; kill++) {
      await delay(500);
      await own.kill();
      await until(async () => !(await ready()).includes(true));
      await own.restart();
      await until(async () => !(await ready()).includes(false));
    }
  });
  expect(history.refused + history.unknown).toBeGreaterThan(0);
});

test("the outcome of a write is unknown only while the database stays unreachable", async () => {
  const url = await server.createDatabase();
  const proxy = await startPostgresProxy(server.port);
  onTestFinished(() => proxy.close());
  // Replicas that audit append by themselves: the one behind the proxy, too.
  const flags = ["--audit", "denied"];
  const far = await startReplica(url.replace(`:${server.port}/`, `:${proxy.port}/`), flags);
  const near = await startReplica(url, flags);
  const [client, other] = [connectTo(far), connectTo(near)];
  await client.put({ key: "a", value: "0" });
  for (const away of ["shortly", "long"] as const) {
    // The append reaches the database, but its response is lost.
    proxy.cutAt("duetkv-append", 3, "late");
    const outcome = client.put({ key: away, value: "1" }).then(
      () => "OK",
      (error: unknown) => (error as { readonly reason?: string }).reason,
    );
    await until(() => proxy.wasCut);
    proxy.refuse();
    if (away === "shortly") {
      await delay(500);
      proxy.restore();
      expect(await outcome).toBe("OK");
    } else {
      expect(await outcome).toBe("OUTCOME_UNKNOWN");
      await expect(client.put({ key: "b", value: "1" })).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
      proxy.restore();
    }
    await proxy.settled();
    await until(() => isReady(far));
  }
  // Both replicas agree on the outcome.
  await client.put({ key: "a", value: "1" });
  expect((await other.get({ key: "a" })).entry?.version).toBe(2n);
  await expect(other.get({ key: "b" })).rejects.toMatchObject({ reason: "NO_SUCH_KEY" });
  await expectSameState([far, near]);
});

test.each(["refuses", "hangs"] as const)(
  "a replica with a pending write stops in time when the database %s",
  async (way) => {
    const url = await server.createDatabase();
    const proxy = await startPostgresProxy(server.port);
    onTestFinished(() => proxy.close());
    const replica = await startReplica(url.replace(`:${server.port}/`, `:${proxy.port}/`));
    const client = connectTo(replica);
    await client.put({ key: "a", value: "0" });
    if (way === "refuses") proxy.cutAt("duetkv-append", 3, "late");
    else proxy.freeze();
    const outcome = client.put({ key: "a", value: "1" }).then(
      () => "OK",
      (error: unknown) => (error as { readonly reason?: string }).reason,
    );
    if (way === "refuses") {
      await until(() => proxy.wasCut);
      proxy.refuse();
    } else {
      await delay(200);
    }
    const start = performance.now();
    expect(await replica.stop("SIGTERM")).toBe(0);
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(await outcome).toBe("OUTCOME_UNKNOWN");
  },
);
