import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { silentLogger } from "../../src/logging.ts";
import type { Caller } from "../../src/security/caller.ts";
import { openSecurity } from "../../src/security/security.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { makeToken, type TestToken } from "./serve.ts";

const one = makeToken("one", "reader");
const two = makeToken("two", "reader");
const expires = "2040-01-01T00:00:00Z";

function policyFor(...tokens: readonly object[]): string {
  return JSON.stringify({ version: 1, roles: { reader: [{ prefix: "", allow: ["read"] }] }, tokens });
}

/** Calls on one connection. */
async function connect(policy: string) {
  const path = join(await temporaryDirectory(), "policy.json");
  await writeFile(path, policy);
  const security = await openSecurity({ policy: path, log: silentLogger });
  onTestFinished(() => security.close());
  const peer = { address: "127.0.0.1", certificate: undefined };
  return {
    security,
    call: (token: TestToken | undefined): Caller => {
      const header = (name: string) => (name === "authorization" ? token?.headers.authorization : undefined);
      return security.authenticate({ header, peer }, KeyValueService.method.get, "grpc") as Caller;
    },
    replacePolicy: async (next: string): Promise<void> => {
      await writeFile(path, next);
      await security.reload();
    },
  };
}

test("calls with the same token on a connection are of one caller, and each is counted", async () => {
  const { security, call } = await connect(policyFor(one.entry, two.entry));
  expect(call(one)).toBe(call(one));
  expect(call(one).identity.name).toBe("one");
  expect(call(two).identity.name).toBe("two");
  expect(call(one).identity.name).toBe("one");
  expect(() => call(undefined)).toThrow(expect.objectContaining({ reason: "CREDENTIALS_MISSING" }));
  expect(security.metrics.counts.authentications()).toEqual([
    { via: "token", outcome: "ok", count: 5 },
    { via: "anonymous", outcome: "CREDENTIALS_MISSING", count: 1 },
  ]);
});

test("calls of 16 tokens that take turns on a connection are each of one caller, and an older one is forgotten", async () => {
  const tokens = Array.from({ length: 17 }, (_, index) => makeToken(`name${index}`, "reader"));
  const { call } = await connect(policyFor(...tokens.map(({ entry }) => entry)));
  const sixteen = tokens.slice(0, 16);
  const callers = sixteen.map(call);
  expect(callers.map(({ identity }) => identity.name)).toEqual(sixteen.map((_, index) => `name${index}`));
  for (const [index, token] of sixteen.entries()) expect(call(token)).toBe(callers[index]);
  call(tokens[16]);
  expect(call(tokens[15])).toBe(callers[15]);
  expect(call(tokens[0])).not.toBe(callers[0]);
  expect(call(tokens[0]).identity.name).toBe("name0");
});

test("a header that is longer than tokens are is not kept for the connection", async () => {
  const { call } = await connect(policyFor(one.entry));
  const [, token = ""] = one.headers.authorization.split(" ");
  const withSpaces = (spaces: number) =>
    call({ ...one, headers: { authorization: `Bearer${" ".repeat(spaces)}${token}` } });
  expect(withSpaces(2)).toBe(withSpaces(2));
  expect(withSpaces(30_000).identity.name).toBe("one");
  expect(withSpaces(30_000)).not.toBe(withSpaces(30_000));
});

test("a token that the next policy does not have is refused on its connection", async () => {
  const { call, replacePolicy } = await connect(policyFor(one.entry));
  const before = call(one);
  await replacePolicy(policyFor(two.entry, one.entry));
  expect(call(one).policy).not.toBe(before.policy);
  await replacePolicy(policyFor(two.entry));
  expect(() => call(one)).toThrow(expect.objectContaining({ reason: "TOKEN_INVALID" }));
});

test("a token that expires is refused on its connection", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.parse(expires) - 1 });
  onTestFinished(() => void vi.useRealTimers());
  const { call } = await connect(policyFor({ ...one.entry, expires }));
  expect(call(one)).toBe(call(one));
  vi.setSystemTime(Date.parse(expires));
  expect(() => call(one)).toThrow(expect.objectContaining({ reason: "TOKEN_EXPIRED" }));
});
