import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, onTestFinished, test } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/health/v1/health_pb.ts";
import { createConfiguration } from "../../src/config/configuration.ts";
import { silentLogger } from "../../src/logging.ts";
import { RateLimiter } from "../../src/security/rate-limiter.ts";
import { configureSecurity } from "../../src/security-configuration.ts";
import { request } from "../support/rest-request.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { makeToken, serveSecured } from "./serve.ts";

const slow = makeToken("slow", "slow");
const admin = makeToken("admin", "admin");
const policy = {
  version: 1,
  roles: { admin: [{ prefix: "", allow: ["*"] }], slow: [{ prefix: "k/", allow: ["read", "write"] }] },
  tokens: [slow.entry, admin.entry],
};

test("a bucket gives its burst at once, and then as many calls as it is filled with", () => {
  let now = 0;
  const limiter = new RateLimiter(() => now);
  const rate = { callsPerSecond: 10, burst: 3 };
  const taken = (caller = "a") => {
    try {
      limiter.take(caller, rate);
      return "OK";
    } catch (error) {
      return (error as { metadata: Record<string, string> }).metadata["retry_after_ms"];
    }
  };
  expect([taken(), taken(), taken(), taken()]).toEqual(["OK", "OK", "OK", "100"]);
  expect(taken("b")).toBe("OK");
  now = 60;
  expect(taken()).toBe("40");
  now = 100;
  expect([taken(), taken()]).toEqual(["OK", "100"]);
  now = 10_000;
  expect([taken(), taken(), taken(), taken()]).toEqual(["OK", "OK", "OK", "100"]);
});

test("callers without number neither free one that is at its limit nor get a burst each", () => {
  let now = 0;
  const limiter = new RateLimiter(() => now);
  const rate = { callsPerSecond: 1, burst: 2 };
  const takes = (caller: string) => {
    try {
      limiter.take(caller, rate);
      return true;
    } catch {
      return false;
    }
  };
  expect([takes("ci"), takes("ci"), takes("ci")]).toEqual([true, true, false]);
  const many = (round: number) =>
    Array.from({ length: 11_000 }, (_, caller) => takes(`${round} ${caller}`)).filter(Boolean).length;
  // 9,999 have a bucket of their own, and the others one together.
  expect(many(0)).toBe(9_999 + 2);
  expect(takes("ci")).toBe(false);
  // The buckets that are full again make room.
  now = 1000;
  expect(many(1)).toBe(9_999 + 1);
  expect([takes("ci"), takes("ci")]).toEqual([true, false]);
});

test("anonymous addresses do not use up the buckets of identities", async () => {
  const limits = [{ role: "slow", calls_per_second: 0.001, burst: 1 }];
  const policyPath = join(await temporaryDirectory(), "policy.json");
  await writeFile(policyPath, JSON.stringify({ ...policy, limits, anonymous: ["slow"] }));
  const security = await configureSecurity(
    createConfiguration({ policy: policyPath }, {}),
    silentLogger,
    () => true,
  );
  onTestFinished(() => security?.close());
  const call = (address: string, headers: Record<string, string> = {}) => {
    try {
      const peer = { address, certificate: undefined };
      void security?.authenticate(
        { header: (name) => headers[name], peer },
        KeyValueService.method.get,
        "rest",
      );
      return "OK";
    } catch (error) {
      return (error as { reason: string }).reason;
    }
  };
  for (let host = 0; host < 10_001; host++) call(`10.0.${host >> 8}.${host & 255}`);
  // An identity that is new has a burst of its own.
  expect([call("10.1.0.0", slow.headers), call("10.1.0.0", slow.headers)]).toEqual(["OK", "RATE_LIMITED"]);
});

test("an identity that calls too often is told when to come again, and others are not", async () => {
  const limits = [{ role: "slow", calls_per_second: 0.01, burst: 2 }];
  const { origin } = await serveSecured({ ...policy, limits });
  const client = createClient(KeyValueService, createGrpcTransport({ baseUrl: origin }));
  for (let calls = 0; calls < 2; calls++) await client.put({ key: "k/a" }, slow);
  const error = await client.put({ key: "k/a" }, slow).catch((thrown: unknown) => ConnectError.from(thrown));
  expect(error).toMatchObject({ code: Code.ResourceExhausted });
  const [info] = (error as ConnectError).findDetails(ErrorInfoSchema);
  const [retry] = (error as ConnectError).findDetails(RetryInfoSchema);
  expect(info?.reason).toBe("RATE_LIMITED");
  expect(Number(info?.metadata["retry_after_ms"])).toBeGreaterThan(90_000);
  expect(retry?.retryDelay?.seconds).toBeGreaterThan(89n);
  const answer = await request(origin, "GET", "/v1/key/k/a", slow.headers);
  expect(answer.status).toBe(429);
  expect(Number(answer.headers["retry-after"])).toBeGreaterThan(89);
  await client.put({ key: "k/a" }, admin);
});

test("a limit without a role is one of each address, also for those who guess tokens", async () => {
  const { origin } = await serveSecured({ ...policy, limits: [{ calls_per_second: 0.01, burst: 3 }] });
  const statuses: number[] = [];
  for (let calls = 0; calls < 5; calls++) {
    const guess = { authorization: `Bearer ${makeToken("x").token}` };
    statuses.push((await request(origin, "GET", "/v1/key/a", guess)).status);
  }
  expect(statuses).toEqual([401, 401, 401, 429, 429]);
});

test("health checks are served at an address that is at its limit, and use up nothing of it", async () => {
  const { origin } = await serveSecured({ ...policy, limits: [{ calls_per_second: 0.001, burst: 1 }] });
  const health = createClient(Health, createGrpcTransport({ baseUrl: origin }));
  const check = async () => (await health.check({})).status;
  const get = async () => (await request(origin, "GET", "/v1/key/k/a", slow.headers)).status;
  expect([await check(), await check(), await get()]).toEqual([Status.SERVING, Status.SERVING, 404]);
  expect([await get(), await check()]).toEqual([429, Status.SERVING]);
});

test("the logs of calls name the identity", async () => {
  const lines: Record<string, unknown>[] = [];
  const log = {
    ...silentLogger,
    info: (fields: object, event: string) => void lines.push({ ...fields, event }),
  };
  const { origin } = await serveSecured(policy, { log, flags: { "access-log": "on" } });
  await request(origin, "GET", "/v1/key/k/a", slow.headers);
  await request(origin, "GET", "/v1/identity");
  const calls = lines.filter(({ event }) => event === "call");
  expect(calls.map(({ identity }) => identity)).toEqual(["slow", undefined]);
  expect(JSON.stringify(lines)).not.toContain(slow.token);
});

test("the audit has who did what to which keys, with the outcome, and neither values nor credentials", async () => {
  const { origin, audit } = await serveSecured(policy, { flags: { audit: "all" } });
  const client = createClient(KeyValueService, createGrpcTransport({ baseUrl: origin }));
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const headers = { ...slow.headers, traceparent };
  await client.put({ key: "k/a", value: "the secret value" }, { headers });
  await client.get({ key: "other" }, slow).catch(() => {});
  await client.get({ key: "k/none" }, slow).catch(() => {});
  await request(origin, "GET", "/v1/key/k/a", { authorization: `Bearer ${slow.token}x` });
  const keys = Array.from({ length: 20 }, (_, index) => `k/${index}`);
  await client.batchGet({ keys }, slow);
  const leave = new AbortController();
  for await (const message of client.watch({ prefix: "k/" }, { ...admin, signal: leave.signal })) {
    expect(message.revision).toBe(1n);
    break;
  }
  leave.abort();
  await until(() => audit.length === 6);
  const common = {
    identity: "slow",
    via: "token",
    peer: "127.0.0.1",
    protocol: "grpc",
    outcome: "ok",
    reason: "",
  };
  const method = (name: string) => `duetkv.v1.KeyValueService/${name}`;
  expect(audit).toMatchObject([
    {
      ...common,
      method: method("Put"),
      right: "write",
      keys: ["k/a"],
      key_count: 1,
      revision: "1",
      trace_id: traceparent.slice(3, 35),
    },
    {
      ...common,
      method: method("Get"),
      keys: ["other"],
      outcome: "denied",
      reason: "RIGHT_MISSING",
      right: "read",
    },
    { ...common, method: method("Get"), keys: ["k/none"], outcome: "failed", reason: "NO_SUCH_KEY" },
    {
      method: method("Get"),
      protocol: "rest",
      identity: "",
      via: "bearer",
      outcome: "denied",
      reason: "TOKEN_INVALID",
    },
    { ...common, method: method("BatchGet"), keys: keys.slice(0, 8), key_count: 20 },
    { ...common, identity: "admin", method: method("Watch"), keys: ["k/"] },
  ]);
  for (const record of audit) {
    expect(record).toMatchObject({
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      policy: expect.stringMatching(/^[\da-f]{64}$/),
    });
  }
  expect(JSON.stringify(audit)).not.toMatch(/the secret value|dkv_/);
});

test.each([
  ["denied", ["CREDENTIALS_MISSING"]],
  ["writes", ["", "CREDENTIALS_MISSING"]],
])("an audit of %s has no more than that", async (level, reasons) => {
  const { origin, audit } = await serveSecured(policy, { flags: { audit: level } });
  await request(origin, "PUT", "/v1/key/k/a", admin.headers, "x");
  await request(origin, "GET", "/v1/key/k/a", admin.headers);
  await request(origin, "GET", "/v1/key/k/a");
  expect(audit.map(({ reason }) => reason)).toEqual(reasons);
});

test("no log at debug has a key, a value, a token or its hash", async () => {
  const lines: string[] = [];
  const write = (fields: object, event: string) => {
    const { err } = fields as { err?: Error };
    lines.push(`${event} ${JSON.stringify(fields)} ${err?.stack} ${JSON.stringify(err)}`);
  };
  const log = { debug: write, info: write, warn: write, error: write };
  const { origin, replacePolicy } = await serveSecured(policy, { log });
  const client = createClient(KeyValueService, createGrpcTransport({ baseUrl: origin }));
  const key = "k/very-private-key";
  await client.put({ key, value: "the secret value" }, admin);
  for (const headers of [
    slow.headers,
    { authorization: `Bearer ${slow.token}x` },
    { authorization: "Bearer eyJhbGciOiJub25lIn0.e30." },
  ]) {
    await client.delete({ key }, { headers }).catch(() => {});
    await request(origin, "PUT", `/v1/key/${key}?x=1`, headers, "the secret value");
    await request(origin, "POST", "/v1/key:commit", headers, `{"mutations": ["the secret value", ${key}}`);
  }
  await replacePolicy({
    ...policy,
    tokens: [
      { ...slow.entry, roles: ["none"] },
      { ...admin.entry, id: "-" },
    ],
  });
  await replacePolicy(`{"tokens": [{"hash": "${slow.entry.hash}" "x"}]}`);
  await replacePolicy({ ...policy, limits: [] });
  expect(lines.length).toBeGreaterThan(3);
  const secrets = [key, "the secret value", slow.token, admin.token, slow.entry.hash.slice(7), "eyJhbGci"];
  expect(secrets.filter((secret) => lines.join("\n").includes(secret))).toEqual([]);
});

test("an audit file that was renamed is made again at a reload", async () => {
  const path = join(await temporaryDirectory(), "audit.json");
  const { origin, server } = await serveSecured(policy, { flags: { audit: "all", "audit-file": path } });
  const hasKey = async (file: string, key: string) => (await readFile(file, "utf8")).includes(key);
  await request(origin, "GET", "/v1/key/k/before", slow.headers);
  await until(() => hasKey(path, "k/before"));
  await rename(path, `${path}.1`);
  await server.reload();
  await request(origin, "GET", "/v1/key/k/after", slow.headers);
  await until(() => hasKey(path, "k/after"));
  expect(await hasKey(`${path}.1`, "k/after")).toBe(false);
});

test("lines of the audit that standard output does not take are counted", async () => {
  const taken = [false, true, false];
  const security = await configureSecurity(
    createConfiguration({ audit: "all" }, {}),
    silentLogger,
    () => taken.shift() as boolean,
  );
  const origin = { header: () => undefined, peer: { address: "127.0.0.1", certificate: undefined } };
  for (let calls = 0; calls < 3; calls++) {
    security?.refused(origin, KeyValueService.method.put, "rest", "anonymous", new Error("refused"));
  }
  expect(security?.metrics.auditDropped()).toBe(2);
  await security?.close();
});
