import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { connectTo, expectSameState, startReplicas } from "./cluster.ts";

const server = sharedPostgres();

test("a quota holds for what all replicas write together", async () => {
  const policy = join(await temporaryDirectory(), "policy.json");
  const roles = { all: [{ prefix: "", allow: ["*"] }] };
  const quotas = [{ prefix: "svc/", entries: 30 }];
  await writeFile(policy, JSON.stringify({ version: 1, anonymous: ["all"], roles, quotas }));
  const replicas = await startReplicas(await server.createDatabase(), 2, ["--policy", policy]);
  const clients = replicas.map((replica) => connectTo(replica));
  const [one, two] = clients as [Client, Client];
  const put = (client: Client, key: string) =>
    client.put({ key, value: "x" }).then(
      () => "OK",
      ({ reason }: { reason?: string }) => reason,
    );
  const puts = clients.flatMap((client, at) =>
    Array.from({ length: 50 }, (_, index) => put(client, `svc/${at}-${index}`)),
  );
  const outcomes = await Promise.all(puts);
  expect(outcomes.filter((outcome) => outcome === "OK")).toHaveLength(30);
  expect(outcomes.filter((outcome) => outcome === "QUOTA_EXCEEDED")).toHaveLength(70);

  const [entry] = (await one.list({ prefix: "svc/" })).entries;
  await one.delete({ key: entry?.key ?? "" });
  expect(await put(two, "svc/new")).toBe("OK");
  expect(await put(one, "svc/another")).toBe("QUOTA_EXCEEDED");
  expect((await two.list({ prefix: "svc/", countOnly: true })).count).toBe(30n);
  await expectSameState(replicas);
});

type Client = ReturnType<typeof connectTo>;
