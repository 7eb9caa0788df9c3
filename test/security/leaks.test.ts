import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { StatusService } from "../../gen/duetkv/v1/status_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { request } from "../support/rest-request.ts";
import { makeToken, serveSecured, type TestToken } from "./serve.ts";

const admin = makeToken("admin", "admin");
const writer = makeToken("writer", "writer");
const reader = makeToken("reader", "reader");
const policy = {
  version: 1,
  roles: {
    admin: [{ prefix: "", allow: ["*"] }, { server: ["*"] }],
    writer: [{ prefix: "k/", allow: ["write", "delete"] }],
    reader: [
      { prefix: "k/", allow: ["read", "list", "watch"] },
      { prefix: "k/secret/", deny: ["*"] },
    ],
  },
  tokens: [admin, writer, reader].map(({ entry }) => entry),
};

type KeyValue = Client<typeof KeyValueService>;

async function start() {
  const secured = await serveSecured(policy);
  const transport = createGrpcTransport({ baseUrl: secured.origin });
  const client = createClient(KeyValueService, transport);
  const put = (key: string) => client.put({ key, value: "the secret value" }, { headers: admin.headers });
  return { ...secured, client, put, transport };
}

async function failure(
  call: Promise<unknown>,
): Promise<{ error: ConnectError; info: Record<string, unknown> }> {
  const error = await call.then(
    () => new ConnectError("it went well"),
    (thrown: unknown) => ConnectError.from(thrown),
  );
  const { reason, metadata } = error.findDetails(ErrorInfoSchema)[0] ?? {};
  return { error, info: { reason, ...metadata } };
}

const as = ({ headers }: TestToken) => ({ headers });

test("a precondition that fails tells the revision only to those who may read the key", async () => {
  const { client, put, origin } = await start();
  await put("k/a");
  const condition = { case: "revision", value: 7n } as const;
  const writes: ((token: TestToken) => Promise<unknown>)[] = [
    (token) => client.put({ key: "k/a", precondition: { condition } }, as(token)),
    (token) =>
      client.put({ key: "k/a", precondition: { condition: { case: "exists", value: false } } }, as(token)),
    (token) => client.delete({ key: "k/a", precondition: { condition } }, as(token)),
    (token) => client.touch({ key: "k/a", precondition: { condition } }, as(token)),
  ];
  for (const write of writes) {
    const known = await failure(write(admin));
    expect(known.info["current_revision"]).toBe("1");
    const hidden = await failure(write(writer));
    expect(hidden.info).toEqual({ reason: known.info["reason"] });
    expect(hidden.error.rawMessage).not.toMatch(/\d/);
  }
  const { headers } = await request(
    origin,
    "PUT",
    "/v1/key/k/a",
    { "if-match": '"7"', ...writer.headers },
    "x",
  );
  expect(headers.etag).toBeUndefined();
});

test("a missing right is told before whether a key exists, and by the same words", async () => {
  const { client, put } = await start();
  await put("k/secret/there");
  const messages = await Promise.all(
    ["k/secret/there", "k/secret/none"].map(async (key) => {
      const { error, info } = await failure(client.get({ key }, as(reader)));
      expect(info).toMatchObject({ reason: "RIGHT_MISSING", right: "read", key, identity: "reader" });
      return error.rawMessage;
    }),
  );
  expect(messages[0]).toBe(messages[1]);
});

test.each<[string, (client: KeyValue) => Promise<unknown>]>([
  ["a list", (client) => client.list({ prefix: "k/" }, as(reader))],
  ["a count", (client) => client.list({ prefix: "k/", countOnly: true }, as(reader))],
  ["a range", (client) => client.list({ start: "k/a", end: "k/z" }, as(reader))],
  ["a range to the end", (client) => client.list({ start: "k/x" }, as(reader))],
  ["a level of it", (client) => client.list({ prefix: "k/secret/", delimiter: "/" }, as(reader))],
  ["a batch", (client) => client.batchGet({ keys: ["k/a", "k/secret/a"] }, as(reader))],
  ["a history", (client) => client.history({ key: "k/secret/a" }, as(reader))],
  ["a get of the past", (client) => client.get({ key: "k/secret/a", atRevision: 1n }, as(reader))],
  ["a watch of all", (client) => Array.fromAsync(client.watch({}, as(reader)))],
  ["a watch of the prefix", (client) => Array.fromAsync(client.watch({ prefix: "k/" }, as(reader)))],
  ["a watch of an empty prefix", (client) => Array.fromAsync(client.watch({ prefixes: [""] }, as(reader)))],
  [
    "a watch of the key",
    (client) => Array.fromAsync(client.watch({ keys: ["k/a", "k/secret/a"] }, as(reader))),
  ],
  [
    "a check of a commit",
    (client) =>
      client.commit(
        { checks: [{ key: "k/secret/a", precondition: { condition: { case: "exists", value: true } } }] },
        as(reader),
      ),
  ],
])("what is denied below a prefix is no part of %s", async (_name, call) => {
  const { client, put } = await start();
  await put("k/secret/a");
  const { info, error } = await failure(call(client));
  expect(info["reason"]).toBe("RIGHT_MISSING");
  expect(JSON.stringify([info, error.rawMessage])).not.toContain("the secret value");
});

test("an error names the prefixes that would do, and those that are denied", async () => {
  const { client } = await start();
  const { info } = await failure(client.list({ prefix: "k/" }, as(reader)));
  expect(info).toMatchObject({
    prefix: "k/",
    permitted_prefixes: '["k/"]',
    denied_prefixes: '["k/secret/"]',
  });
});

test("a page token gives its holder no right", async () => {
  const { client, put } = await start();
  for (const key of ["k/secret/1", "k/secret/2"]) await put(key);
  const list = { prefix: "k/secret/", pageSize: 1 };
  const { nextPageToken: pageToken } = await client.list(list, as(admin));
  expect((await failure(client.list({ ...list, pageToken }, as(reader)))).info["reason"]).toBe(
    "RIGHT_MISSING",
  );
});

test("replicas, rates and the state of the store are for those with the right alone", async () => {
  const { transport, put } = await start();
  await put("k/a");
  const status = createClient(StatusService, transport);
  const open = await status.getStatus({}, as(reader));
  expect(open).toMatchObject({
    revision: 1n,
    entries: 0n,
    storeBytes: 0n,
    replicas: [],
    stateHash: "",
    writable: true,
  });
  expect(open.limits["key_bytes_max"]).toBe(1024n);
  expect(await status.getStatus({}, as(admin))).toMatchObject({ entries: 1n, replicas: [{ writer: true }] });
});

test("everybody learns who they are", async () => {
  const { transport, origin } = await start();
  const status = createClient(StatusService, transport);
  expect(await status.getIdentity({}, as(reader))).toMatchObject({
    name: "reader",
    via: "token",
    grants: [
      { prefix: "k/", rights: ["read", "list", "watch"], deny: false },
      { prefix: "k/secret/", rights: ["read", "list", "watch", "write", "delete"], deny: true },
    ],
  });
  const nobody = { via: "anonymous", grants: [{ prefix: "", rights: ["*"], deny: true }] };
  expect(await status.getIdentity({})).toMatchObject(nobody);
  const answer = await request(origin, "GET", "/v1/key/k/a");
  expect(answer.status).toBe(401);
  expect(answer.headers["www-authenticate"]).toBe("Bearer");
  expect((await request(origin, "GET", "/v1/key/k/secret/a", reader.headers)).status).toBe(403);
  expect((await request(origin, "GET", "/v1/openapi.json")).status).toBe(200);
});

test("a refused request is told so before its body has come", async () => {
  const { origin } = await start();
  const answer = await request(origin, "PUT", "/v1/key/k/a", { "content-length": "9" }, "");
  expect(answer.status).toBe(401);
  const connect = createClient(
    KeyValueService,
    createConnectTransport({ baseUrl: origin, httpVersion: "1.1" }),
  );
  const bad = await failure(connect.put({ key: "k/a" }, { headers: { authorization: "Basic YTpi" } }));
  expect(bad.info["reason"]).toBe("TOKEN_INVALID");
});
