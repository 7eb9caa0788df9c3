import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { until } from "../support/until.ts";
import { holdCall } from "./held-call.ts";
import { makeToken, serveSecured, type TestToken } from "./serve.ts";

const one = makeToken("one", "reader");
const two = makeToken("two", "reader");

function policyFor(allow: readonly string[], ...tokens: readonly TestToken["entry"][]): object {
  return { version: 1, roles: { reader: [{ prefix: "k/", allow }] }, tokens };
}

const all = policyFor(["*"], one.entry, two.entry);

function connect(origin: string) {
  return createClient(KeyValueService, createGrpcTransport({ baseUrl: origin }));
}

async function codeOf(call: Promise<unknown>): Promise<Code | "OK"> {
  return call.then(
    () => "OK" as const,
    (error: unknown) => ConnectError.from(error).code,
  );
}

/** Reads a watch to its end: the reason and metadata of that. */
async function endOf(messages: AsyncIterator<unknown>): Promise<Record<string, string | undefined>> {
  try {
    while ((await messages.next()).done !== true);
    return {};
  } catch (error) {
    const { reason, metadata } = ConnectError.from(error).findDetails(ErrorInfoSchema)[0] ?? {};
    return { reason, ...metadata };
  }
}

test("a file that is no policy leaves the one before in force, and is logged and counted", async () => {
  const lines: object[] = [];
  const error = (fields: object, event: string) => void lines.push({ ...fields, event });
  const log = { debug() {}, info() {}, warn() {}, error };
  const { origin, admin, policyPath, replacePolicy } = await serveSecured(all, { log });
  const client = connect(origin);
  const whole = JSON.stringify(policyFor(["list"], one.entry));
  for (const broken of [whole.slice(0, -9), "", '{"version": 1}']) {
    await replacePolicy(broken);
    expect(await codeOf(client.put({ key: "k/a" }, one))).toBe("OK");
  }
  await rm(policyPath);
  await until(async () => {
    const metrics = await (await fetch(`${admin}/metrics`)).text();
    expect(Number(/^duetkv_policy_load_failures_total (\d+)/m.exec(metrics)?.[1])).toBeGreaterThanOrEqual(4);
    expect(metrics).toMatch(/^duetkv_policy_stale 1$/m);
  });
  expect(lines[0]).toMatchObject({
    event: "policy not reloaded; the one before stays in force",
    mistakes: [expect.stringMatching(/^the policy is not JSON: line 1 column \d+$/)],
  });
  await replacePolicy(whole);
  expect(await codeOf(client.put({ key: "k/a" }, one))).toBe(Code.PermissionDenied);
  expect(await (await fetch(`${admin}/metrics`)).text()).toMatch(/^duetkv_policy_stale 0$/m);
});

test("a policy is reloaded by itself when Kubernetes swaps the link to its directory", async () => {
  const { origin, policyPath } = await serveSecured(all);
  const directory = dirname(policyPath);
  const put = () => codeOf(connect(origin).put({ key: "k/a" }, one));
  for (const [version, policy] of [all, policyFor(["read"], one.entry)].entries()) {
    await mkdir(join(directory, `v${version}`));
    await writeFile(join(directory, `v${version}`, "policy.json"), JSON.stringify(policy));
  }
  await symlink("v0", join(directory, "..data"));
  await symlink("..data/policy.json", join(directory, "link"));
  await rename(join(directory, "link"), policyPath);
  await until(async () => (await put()) === "OK");
  await symlink("v1", join(directory, "..new"));
  await rename(join(directory, "..new"), join(directory, "..data"));
  await until(async () => (await put()) === Code.PermissionDenied);
});

test("a watch ends when its right is gone, with the revision to resume from; others go on", async () => {
  const { origin, replacePolicy } = await serveSecured(all);
  const client = connect(origin);
  await client.put({ key: "k/a" }, one);
  const watches = [one, two].map((token) => client.watch({ prefix: "k/" }, token)[Symbol.asyncIterator]());
  const [first, second] = watches as [(typeof watches)[0], (typeof watches)[0]];
  for (const watch of watches) expect((await watch.next()).value).toMatchObject({ revision: 1n });
  await client.put({ key: "k/b" }, one);
  for (const watch of watches) expect((await watch.next()).value).toMatchObject({ resumeRevision: 2n });
  await replacePolicy(policyFor(["*"], two.entry));
  expect(await endOf(first)).toEqual({ reason: "RIGHT_MISSING", identity: "one", last_revision: "2" });
  await client.put({ key: "k/c" }, two);
  expect((await second.next()).value).toMatchObject({ resumeRevision: 3n });
  await replacePolicy(policyFor(["read", "list"], two.entry));
  expect(await endOf(second)).toEqual({ reason: "RIGHT_MISSING", identity: "two", last_revision: "3" });
});

test.each(["Watch", "Get"] as const)(
  "a %s whose body comes after the policy has changed is judged by the new one",
  async (method) => {
    const { origin, replacePolicy } = await serveSecured(all);
    const held = await holdCall(origin, method, one.headers);
    await replacePolicy(policyFor(["write"], one.entry));
    expect(await held.finish()).toBe(String(Code.PermissionDenied));
  },
);

test("a watch ends when its token does", async () => {
  const { origin, replacePolicy } = await serveSecured(all);
  const watch = connect(origin).watch({ prefix: "k/" }, one)[Symbol.asyncIterator]();
  await watch.next();
  const expires = new Date(Date.now() + 50).toISOString();
  await replacePolicy(policyFor(["*"], { ...one.entry, expires } as TestToken["entry"]));
  expect(await endOf(watch)).toEqual({ reason: "TOKEN_EXPIRED", last_revision: "0" });
});

test("a token is exchanged for another without a failed call", async () => {
  const { origin, replacePolicy } = await serveSecured(policyFor(["*"], one.entry));
  const client = connect(origin);
  let token = one;
  const stop = new AbortController();
  const failures: unknown[] = [];
  const load = async () => {
    while (!stop.signal.aborted) {
      await client.put({ key: "k/a" }, token).catch((error: unknown) => failures.push(error));
    }
  };
  const loads = Promise.all([load(), load(), load()]);
  await replacePolicy(all);
  token = two;
  // Calls with the first token end before it is no longer known.
  await client.get({ key: "k/a" }, two).catch(() => {});
  stop.abort();
  await loads;
  await replacePolicy(policyFor(["*"], two.entry));
  expect(failures).toEqual([]);
  expect(await codeOf(client.put({ key: "k/a" }, two))).toBe("OK");
  expect(await codeOf(client.put({ key: "k/a" }, one))).toBe(Code.Unauthenticated);
});
