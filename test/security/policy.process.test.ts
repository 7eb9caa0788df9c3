import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { makeToken } from "./serve.ts";

const { headers, entry } = makeToken("ci", "ci");

function policyAllowing(right: string): string {
  return JSON.stringify({ version: 1, roles: { ci: [{ prefix: "k/", allow: [right] }] }, tokens: [entry] });
}

async function start(policy: string): Promise<ServerProcess> {
  const server = await startServerProcess(["--log", "memory:", "--policy", policy]);
  onTestFinished(() => void server.stop("SIGKILL"));
  return server;
}

async function statusOf({ address }: ServerProcess, method: "GET" | "PUT"): Promise<number> {
  const body = method === "PUT" ? { body: "x" } : {};
  return (await fetch(`http://${address}/v1/key/k/a`, { method, headers, ...body })).status;
}

function eventsOf({ lines }: ServerProcess): string[] {
  return lines.map((line) => (JSON.parse(line) as { readonly msg: string }).msg);
}

test("SIGHUP reads the policy again", async () => {
  const policy = join(await temporaryDirectory(), "policy.json");
  await writeFile(policy, policyAllowing("write"));
  const server = await start(policy);
  expect([await statusOf(server, "PUT"), await statusOf(server, "GET")]).toEqual([201, 403]);
  await writeFile(policy, policyAllowing("read"));
  process.kill(server.pid, "SIGHUP");
  await until(() => eventsOf(server).includes("policy reloaded"));
  expect([await statusOf(server, "PUT"), await statusOf(server, "GET")]).toEqual([403, 200]);
  // By the signal, and not by a look at the file some time later.
  expect(eventsOf(server).indexOf("reading files again")).toBeLessThan(
    eventsOf(server).indexOf("policy reloaded"),
  );
});

test("a policy is swapped by the link of a ConfigMap; half of one changes nothing", async () => {
  const directory = await temporaryDirectory();
  const versions = [policyAllowing("write"), policyAllowing("read").slice(0, -20), policyAllowing("read")];
  for (const [version, content] of versions.entries()) {
    await mkdir(join(directory, `..v${version}`));
    await writeFile(join(directory, `..v${version}`, "policy.json"), content);
  }
  const swapTo = async (version: number) => {
    await symlink(`..v${version}`, join(directory, "..new"));
    await rename(join(directory, "..new"), join(directory, "..data"));
  };
  await swapTo(0);
  await symlink("..data/policy.json", join(directory, "policy.json"));
  const server = await start(join(directory, "policy.json"));
  expect(await statusOf(server, "PUT")).toBe(201);
  await swapTo(1);
  const refused = "policy not reloaded; the one before stays in force";
  await until(() => eventsOf(server).includes(refused));
  expect([await statusOf(server, "PUT"), await statusOf(server, "GET")]).toEqual([201, 403]);
  await swapTo(2);
  await until(() => eventsOf(server).includes("policy reloaded"));
  expect([await statusOf(server, "PUT"), await statusOf(server, "GET")]).toEqual([403, 200]);
});
