import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { Policy } from "../../src/security/policy.ts";
import { request } from "../support/rest-request.ts";
import { everyProtocol } from "./call-every-protocol.ts";
import { serveSecured } from "./serve.ts";

/** Everybody may do everything. */
function policyWith(quotas: readonly object[]) {
  return { version: 1, anonymous: ["all"], roles: { all: [{ prefix: "", allow: ["*"] }] }, quotas };
}

test("a quota holds in every protocol, with status 507 in REST", async () => {
  const { origin } = await serveSecured(policyWith([{ prefix: "svc/", entries: 1 }]));
  const { put, commit } = KeyValueService.method;
  const mutations = [{ kind: { case: "put", value: { key: "svc/b" } } }];
  for (const call of Object.values(everyProtocol(origin))) {
    expect(await call(put, { key: "svc/a" }, {})).toBe("OK");
    expect(await call(put, { key: "svc/b" }, {})).toBe("QUOTA_EXCEEDED");
    expect(await call(commit, { mutations }, {})).toBe("QUOTA_EXCEEDED");
  }
  const { status, body } = await request(origin, "PUT", "/v1/key/svc/b", {}, "x");
  expect(status).toBe(507);
  expect(JSON.parse(String(body))).toMatchObject({
    code: "resource_exhausted",
    details: [{ debug: { reason: "QUOTA_EXCEEDED", metadata: { prefix: "svc/", entries: "1" } } }],
  });
});

test("a hundred writers at once fill a quota, and no more", async () => {
  const { origin } = await serveSecured(policyWith([{ prefix: "svc/", entries: 30 }]));
  const client = createClient(KeyValueService, createGrpcTransport({ baseUrl: origin }));
  const writes = Array.from({ length: 100 }, (_, index) => client.put({ key: `svc/${index}` }));
  const outcomes = await Promise.allSettled(writes);
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(30);
  const { count } = await client.list({ prefix: "svc/", countOnly: true });
  expect(count).toBe(30n);
});

test("a quota of a new policy counts what is there already", async () => {
  const { origin, replacePolicy } = await serveSecured(policyWith([]));
  const put = async (key: string) => (await request(origin, "PUT", `/v1/key/${key}`, {}, "x")).status;
  expect([await put("svc/a"), await put("svc/b")]).toEqual([201, 201]);
  await replacePolicy(policyWith([{ prefix: "svc/", entries: 2 }]));
  expect([await put("svc/c"), await put("svc/a"), await put("other")]).toEqual([507, 201, 201]);
  await replacePolicy(policyWith([{ prefix: "svc/", entries: 3 }]));
  expect([await put("svc/c"), await put("svc/d")]).toEqual([201, 507]);
  await replacePolicy(policyWith([]));
  expect(await put("svc/d")).toBe(201);
});

test("sizes of quotas take units", () => {
  const quotas = [
    { prefix: "a/", bytes: "100MiB", entries: 100_000 },
    { prefix: "b/", bytes: 1000 },
  ];
  expect(new Policy(JSON.stringify(policyWith(quotas))).quotas).toEqual([
    { prefix: "a/", bytesMax: 100 * 2 ** 20, entriesMax: 100_000 },
    { prefix: "b/", bytesMax: 1000, entriesMax: undefined },
  ]);
});
