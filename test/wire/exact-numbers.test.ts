import type { OutgoingHttpHeaders } from "node:http";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { ask, askHttp2, reasonOf, serve } from "./serve.ts";

const json = { "content-type": "application/json" };
const commit = (revision: string): string =>
  `{"checks":[{"key":"a","precondition":{"revision":${revision}}}],"mutations":[]}`;

test.each([
  ["/v1/key:commit", commit("9007199254740993")],
  ["/v1/key:commit", commit("9007199254740992")],
  ["/v1/key:commit", commit("-9007199254740993")],
  ["/v1/key:commit", commit("1e17")],
  ["/duetkv.v1.KeyValueService/Get", '{"key":"a","minRevision":9007199254740993}'],
  ["/duetkv.v1.KeyValueService/Get", '{"key":"a","min_revision":9007199254740993}'],
])("a JSON number of 64 bits that may have lost digits is refused: %s %s", async (path, body) => {
  const { port, memory } = await serve();
  const answer = await ask(port, "POST", path, { headers: json, body });
  expect([answer.status, reasonOf(answer)]).toEqual([400, "NUMBER_INEXACT"]);
  expect(memory.requests).toEqual([]);
});

const inexact = '{"key":"a","minRevision":9007199254740993}';
const getPath = "/duetkv.v1.KeyValueService/Get";
const query = (text: string, more = ""): string =>
  `${getPath}?connect=v1&encoding=json${more}&message=${encodeURIComponent(text)}`;

test.each<[string, string, string, OutgoingHttpHeaders]>([
  ["a GET of Connect", "GET", query(inexact), {}],
  ["one in base64", "GET", query(Buffer.from(inexact).toString("base64url"), "&base64=1"), {}],
  [
    "one that is compressed",
    "GET",
    query(gzipSync(inexact).toString("base64url"), "&base64=1&compression=gzip"),
    {},
  ],
  ["a content type in capitals", "POST", getPath, { "content-type": "Application/JSON" }],
  ["Expect: 100-continue", "POST", getPath, { ...json, expect: "100-continue" }],
  ["an endless timeout", "POST", getPath, { ...json, "connect-timeout-ms": "9999999999" }],
  ["the absolute form of the target", "POST", `http://localhost${getPath}`, json],
])("a JSON number that may have lost digits is refused in %s", async (_name, method, path, headers) => {
  const { port, memory } = await serve();
  const answer = await ask(port, method, path, method === "GET" ? {} : { headers, body: inexact });
  expect([answer.status, reasonOf(answer)]).toEqual([400, "NUMBER_INEXACT"]);
  expect(memory.requests).toEqual([]);
});

test.each(["origin", "sec-fetch-site"])(
  "a JSON number that may have lost digits is refused in gRPC with %s",
  async (name) => {
    const { port, memory } = await serve({ wire: { corsOrigins: "*" } });
    const body = Buffer.concat([Buffer.of(0, 0, 0, 0, inexact.length), Buffer.from(inexact)]);
    const value = name === "origin" ? "http://example.com" : "same-origin";
    const headers = { "content-type": "application/grpc+json", te: "trailers", [name]: value };
    const { trailers } = await askHttp2(port, "POST", getPath, { headers, body });
    expect(trailers["grpc-status"]).toBe("3");
    expect(memory.requests).toEqual([]);
  },
);

test.each(["9007199254740991", '"9007199254740993"', "0", "null"])(
  "a revision of %s is taken",
  async (revision) => {
    const { port } = await serve();
    const answer = await ask(port, "POST", "/v1/key:commit", { headers: json, body: commit(revision) });
    expect(answer.status).toBe(200);
  },
);

test("large numbers elsewhere are not meant", async () => {
  const { port } = await serve();
  const body = '{"value":"9007199254740993","ttl":"9007199254740993s"}';
  const answer = await ask(port, "PUT", "/v1/key/a", { headers: json, body });
  // The duration itself is not one.
  expect(answer.body).not.toContain("NUMBER_INEXACT");
});
