import { toJson } from "@bufbuild/protobuf";
import {
  file_google_protobuf_descriptor as descriptorFile,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openApiPath } from "../../src/wire/openapi-handler.ts";
import type { Response as Described, Operation, Schema } from "../../tools/openapi/document.ts";
import { JsonSchemas } from "../../tools/openapi/json-schema.ts";
import { createKeyValueOpenApi } from "../../tools/openapi/key-value/document.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";

const document = createKeyValueOpenApi();
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema(document, "openapi");

/** What is wrong with a value by the schema at a place in the document. */
function violations(value: unknown, ...place: readonly string[]): unknown[] {
  const pointer = place.map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1")));
  const validate = ajv.compile({ $ref: `openapi#/${pointer.join("/")}` });
  return validate(value) ? [] : (validate.errors ?? []);
}

function operation(method: string, path: string): Operation {
  const found = document.paths[path]?.[method];
  if (found === undefined) throw new Error(`the document has no ${method} ${path}`);
  return found;
}

describe("the document", () => {
  test("is one of OpenAPI 3.1", async () => {
    const result = await new Validator().validate(JSON.parse(JSON.stringify(document)));
    expect(result.errors).toBeUndefined();
    expect(result.valid).toBe(true);
  });

  test("has every route of the contract", () => {
    const routes = Object.entries(document.paths).map(([path, item]) => [path, ...Object.keys(item)]);
    expect(routes).toEqual([
      ["/v1/key/{key}", "put", "get", "head", "delete"],
      ["/v1/key", "get", "head"],
      ["/v1/key:history", "get", "head"],
      ["/v1/key:touch", "post"],
      ["/v1/key:batchGet", "post"],
      ["/v1/key:commit", "post"],
      ["/v1/key:watch", "get"],
      ["/v1/status", "get", "head"],
      ["/v1/identity", "get", "head"],
      ["/v1/snapshot", "get"],
    ]);
  });

  test("describes operations, parameters, fields and enums in the words of the contract", () => {
    expect(operation("put", "/v1/key/{key}").summary).toBe(
      "Stores a value under a key, whether or not the key exists.",
    );
    const pageSize = operation("get", "/v1/key").parameters.find(({ name }) => name === "page_size");
    expect(pageSize?.description).toMatch(/^How many entries and prefixes at the most/);
    const { Entry, Consistency } = document.components.schemas;
    expect((Entry as { properties: Record<string, Schema> }).properties["version"]?.["description"]).toMatch(
      /^How often it has been written/,
    );
    expect(Consistency?.["description"]).toContain("LOCAL: The read answers at once");
  });

  test("leaves no parameter without a description, save what its type describes", () => {
    const bare = Object.values(document.paths)
      .flatMap((item) => Object.values(item))
      .flatMap(({ parameters }) => parameters)
      .filter(({ description }) => description === undefined)
      .map(({ name }) => name);
    expect([...new Set(bare)]).toEqual(["consistency"]);
  });
});

interface Case {
  readonly name: string;
  readonly method: string;
  /** As in the document. */
  readonly path: string;
  /** As it is asked for; default: the path. */
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly status: number;
}

const key = "/v1/key/{key}";
const json = { "content-type": "application/json" };
const acceptJson = { accept: "application/json" };

const cases: readonly Case[] = [
  { name: "a raw put", method: "put", path: key, target: "/v1/key/a/b", body: "Hello", status: 201 },
  {
    name: "a put of bytes",
    method: "put",
    path: key,
    target: "/v1/key/bytes",
    body: Uint8Array.of(255, 0),
    status: 201,
  },
  {
    name: "a JSON put",
    method: "put",
    path: key,
    target: "/v1/key/c",
    headers: { ...json, ...acceptJson },
    body: '{"value":"{}","ttl":"3600s","precondition":{"exists":false}}',
    status: 201,
  },
  {
    name: "a put with conditions that fail",
    method: "put",
    path: key,
    target: "/v1/key/c",
    headers: { "if-none-match": "*" },
    body: "",
    status: 412,
  },
  {
    name: "a put with a stale tag",
    method: "put",
    path: key,
    target: "/v1/key/c",
    headers: { "if-match": '"1"' },
    body: "",
    status: 412,
  },
  {
    name: "a put with a stale revision in its query",
    method: "put",
    path: key,
    target: "/v1/key/c?precondition.revision=1",
    body: "",
    status: 409,
  },
  {
    name: "a put of nonsense",
    method: "put",
    path: key,
    target: "/v1/key/c",
    headers: json,
    body: '{"color":"red"}',
    status: 400,
  },
  {
    name: "a put of too much",
    method: "put",
    path: key,
    target: "/v1/key/c",
    body: "x".repeat(1024 * 1024 + 1),
    status: 413,
  },
  {
    name: "a compressed put",
    method: "put",
    path: key,
    target: "/v1/key/c",
    headers: { "content-encoding": "gzip" },
    body: "x",
    status: 415,
  },
  { name: "a raw get", method: "get", path: key, target: "/v1/key/a%2Fb", status: 200 },
  { name: "a get of bytes", method: "get", path: key, target: "/v1/key/bytes", status: 200 },
  { name: "a JSON get", method: "get", path: key, target: "/v1/key/c", headers: acceptJson, status: 200 },
  {
    name: "a JSON get of bytes",
    method: "get",
    path: key,
    target: "/v1/key/bytes",
    headers: acceptJson,
    status: 200,
  },
  {
    name: "a get of what is known",
    method: "get",
    path: key,
    target: "/v1/key/a%2Fb",
    headers: { "if-none-match": '"1"' },
    status: 304,
  },
  { name: "a get of nothing", method: "get", path: key, target: "/v1/key/none", status: 404 },
  { name: "a get of an empty key", method: "get", path: key, target: "/v1/key/", status: 400 },
  {
    name: "a get of a revision that does not come",
    method: "get",
    path: key,
    target: "/v1/key/a?min_revision=99",
    headers: { "connect-timeout-ms": "1000" },
    status: 503,
  },
  { name: "a head", method: "head", path: key, target: "/v1/key/a/b", status: 200 },
  { name: "a head of nothing", method: "head", path: key, target: "/v1/key/none", status: 404 },
  { name: "a status", method: "get", path: "/v1/status", status: 200 },
  { name: "an identity", method: "get", path: "/v1/identity", status: 200 },
  { name: "a snapshot", method: "get", path: "/v1/snapshot", status: 200 },
  {
    name: "a get of a status with a parameter that it does not take",
    method: "get",
    path: "/v1/status",
    target: "/v1/status?color=red",
    status: 400,
  },
  { name: "a head of a status", method: "head", path: "/v1/status", status: 200 },
  {
    name: "a head of a status with a parameter that it does not take",
    method: "head",
    path: "/v1/status",
    target: "/v1/status?color=red",
    status: 400,
  },
  {
    name: "a get of an identity with a parameter that it does not take",
    method: "get",
    path: "/v1/identity",
    target: "/v1/identity?color=red",
    status: 400,
  },
  { name: "a head of an identity", method: "head", path: "/v1/identity", status: 200 },
  {
    name: "a head of an identity with a parameter that it does not take",
    method: "head",
    path: "/v1/identity",
    target: "/v1/identity?color=red",
    status: 400,
  },
  {
    name: "a get of a snapshot with a parameter that it does not take",
    method: "get",
    path: "/v1/snapshot",
    target: "/v1/snapshot?color=red",
    status: 400,
  },
  {
    name: "a list",
    method: "get",
    path: "/v1/key",
    target: "/v1/key?page_size=1&consistency=local",
    status: 200,
  },
  { name: "an empty list", method: "get", path: "/v1/key", target: "/v1/key?prefix=zzz", status: 200 },
  { name: "a level", method: "get", path: "/v1/key", target: "/v1/key?delimiter=/", status: 200 },
  { name: "a count", method: "get", path: "/v1/key", target: "/v1/key?countOnly=true", status: 200 },
  {
    name: "a list with a foreign token",
    method: "get",
    path: "/v1/key",
    target: "/v1/key?page_token=x",
    status: 400,
  },
  { name: "a head of a list", method: "head", path: "/v1/key", status: 200 },
  {
    name: "a head of a list that cannot be",
    method: "head",
    path: "/v1/key",
    target: "/v1/key?page_size=-1",
    status: 400,
  },
  {
    name: "a history",
    method: "get",
    path: "/v1/key:history",
    target: "/v1/key:history?key=a/b",
    status: 200,
  },
  { name: "a history of no key", method: "get", path: "/v1/key:history", status: 400 },
  {
    name: "a head of a history",
    method: "head",
    path: "/v1/key:history",
    target: "/v1/key:history?key=a/b",
    status: 200,
  },
  { name: "a head of a history of no key", method: "head", path: "/v1/key:history", status: 400 },
  {
    name: "a put with an id that has expired",
    method: "put",
    path: key,
    target: "/v1/key/c",
    headers: { "idempotency-key": "0198c5f0-3c4e-7a51-9b1d-4f6a8e2c7d03" },
    body: "x",
    status: 400,
  },
  {
    name: "a commit with an id that is none",
    method: "post",
    path: "/v1/key:commit",
    headers: json,
    body: '{"mutations":[{"delete":{"key":"none"}}],"requestId":"AQ=="}',
    status: 400,
  },
  {
    name: "a touch",
    method: "post",
    path: "/v1/key:touch",
    headers: json,
    body: '{"key":"a/b","ttl":"60s"}',
    status: 200,
  },
  {
    name: "a touch of nothing",
    method: "post",
    path: "/v1/key:touch",
    headers: json,
    body: '{"key":"none"}',
    status: 404,
  },
  {
    name: "a touch without a key",
    method: "post",
    path: "/v1/key:touch",
    headers: json,
    body: "{}",
    status: 400,
  },
  {
    name: "a touch of another revision, in its body",
    method: "post",
    path: "/v1/key:touch",
    headers: json,
    body: '{"key":"a/b","precondition":{"revision":99}}',
    status: 409,
  },
  {
    name: "a touch of another revision, in its headers",
    method: "post",
    path: "/v1/key:touch",
    headers: { ...json, "if-match": '"99"' },
    body: '{"key":"a/b"}',
    status: 412,
  },
  {
    name: "a batch",
    method: "post",
    path: "/v1/key:batchGet",
    headers: json,
    body: '{"keys":["a/b","none"]}',
    status: 200,
  },
  {
    name: "an empty batch",
    method: "post",
    path: "/v1/key:batchGet",
    headers: json,
    body: "{}",
    status: 400,
  },
  {
    name: "a commit",
    method: "post",
    path: "/v1/key:commit",
    headers: json,
    body: '{"checks":[{"key":"a/b","precondition":{"revision":1}}],"mutations":[{"put":{"key":"d","bytesValue":"AP8="}},{"delete":{"key":"c"}}]}',
    status: 200,
  },
  {
    name: "a commit that fails",
    method: "post",
    path: "/v1/key:commit",
    headers: json,
    body: '{"checks":[{"key":"d","precondition":{"exists":false}}]}',
    status: 409,
  },
  {
    name: "a commit of nothing",
    method: "post",
    path: "/v1/key:commit",
    headers: json,
    body: "{}",
    status: 400,
  },
  { name: "a delete", method: "delete", path: key, target: "/v1/key/d", headers: acceptJson, status: 200 },
  { name: "a raw delete of nothing", method: "delete", path: key, target: "/v1/key/d", status: 200 },
  {
    name: "a delete of another revision",
    method: "delete",
    path: key,
    target: "/v1/key/a/b",
    headers: { "if-match": '"99"' },
    status: 412,
  },
  {
    name: "a delete on a condition in its query",
    method: "delete",
    path: key,
    target: "/v1/key/none?precondition.exists=true",
    status: 409,
  },
  {
    name: "a watch of an empty key",
    method: "get",
    path: "/v1/key:watch",
    target: "/v1/key:watch?keys=a&keys=",
    status: 400,
  },
];

describe("real answers are as the document says", () => {
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServerProcess(["--log", "memory:"]);
  });
  afterAll(() => server.stop());

  test.each(cases)("$name: $status", async ({ method, path, target = path, headers, body, status }) => {
    const response = await fetch(`http://${server.address}${target}`, {
      method: method.toUpperCase(),
      ...(headers && { headers }),
      ...(body !== undefined && { body }),
    });
    const text = await response.text();
    expect([response.status, text]).toEqual([status, text]);
    const described = operation(method, path).responses[status] as Described;
    expect(described, `status ${status} is in the document`).toBeDefined();
    checkHeaders(response, described, [path, method, status]);
    const type = response.headers.get("content-type")?.split(";", 1)[0];
    const field = described.content === undefined ? "x-content-if-accepted" : "content";
    const types = text === "" ? [undefined, type] : Object.keys(described[field] ?? {});
    expect(types).toContain(type);
    const place = ["paths", path, method, "responses", String(status), field, String(type), "schema"];
    const wrong = text === "" || type !== "application/json" ? [] : violations(JSON.parse(text), ...place);
    expect(wrong).toEqual([]);
  });

  test.each(cases.filter(({ headers }) => headers?.["content-type"] === "application/json"))(
    "the schema knows whether the JSON body of $name is valid",
    ({ method, path, body, status }) => {
      const place = ["paths", path, method, "requestBody", "content", "application/json", "schema"];
      const valid = violations(JSON.parse(body as string), ...place).length === 0;
      expect([status, valid]).toEqual([status, status !== 400]);
    },
  );

  test.each([
    ["/v1/key:batchGet", '{"keys":[""]}'],
    ["/v1/key:commit", '{"checks":[{"precondition":{"exists":true}}]}'],
    ["/v1/key:commit", '{"checks":[{"key":"a"}]}'],
    ["/v1/key:commit", '{"checks":[{"key":"a","precondition":{"revision":0}}]}'],
    ["/v1/key:commit", '{"mutations":[{}]}'],
    ["/v1/key:commit", '{"mutations":[{"put":{"value":"x"}}]}'],
    ["/v1/key:commit", '{"mutations":[{"put":{"key":"a","value":"x","bytesValue":""}}]}'],
    ["/v1/key:commit", '{"mutations":[{"put":{"key":"a","ttl":"0.5s"}}]}'],
    ["/v1/key:commit", '{"mutations":[{"delete":{}}]}'],
    ["/v1/key:batchGet", '{"keys":null}'],
    ["/v1/key:batchGet", '{"keys":[null]}'],
    ["/v1/key:batchGet", '{"keys":["a"],"minRevision":9223372036854775806}'],
    ["/v1/key:batchGet", '{"keys":["a"],"minRevision":"10000000000000000000"}'],
    ["/v1/key:commit", '{"checks":null,"mutations":null}'],
    ["/v1/key:commit", '{"checks":[{"key":"a","precondition":null}]}'],
    ["/v1/key:commit", '{"checks":[{"key":"a","precondition":{"revision":null}}]}'],
    ["/v1/key:commit", '{"mutations":[null]}'],
    ["/v1/key:commit", '{"mutations":[{"put":null}]}'],
    ["/v1/key:commit", '{"mutations":[{"put":null,"delete":{"key":"a"}}]}'],
    ["/v1/key:commit", '{"mutations":[{"delete":{"key":null}}]}'],
  ])("%s refuses %s, as its schema does", async (path, body) => {
    const response = await fetch(`http://${server.address}${path}`, { method: "POST", headers: json, body });
    const place = ["paths", path, "post", "requestBody", "content", "application/json", "schema"];
    expect([response.status, violations(JSON.parse(body), ...place).length > 0]).toEqual([400, true]);
  });

  test.each([
    ["/v1/key:batchGet", '{"keys":["a"],"minRevision":null,"consistency":null}'],
    ["/v1/key:batchGet", '{"keys":["a"],"minRevision":"0"}'],
    ["/v1/key:commit", '{"checks":null,"mutations":[{"delete":{"key":"a"}}]}'],
    ["/v1/key:commit", '{"mutations":[{"put":{"key":"a","value":"x","bytesValue":null,"ttl":null}}]}'],
    ["/v1/key:commit", '{"checks":[{"key":"none","precondition":{"revision":null,"exists":false}}]}'],
  ])("%s accepts %s, as its schema does", async (path, body) => {
    const response = await fetch(`http://${server.address}${path}`, { method: "POST", headers: json, body });
    const place = ["paths", path, "post", "requestBody", "content", "application/json", "schema"];
    expect([response.status, violations(JSON.parse(body), ...place)]).toEqual([200, []]);
  });

  test.each([
    ["page_size", -1],
    ["min_revision", -1],
    ["min_revision", "-1"],
    ["min_revision", "10000000000000000000"],
    ["prefix", "x".repeat(1025)],
  ])("a list refuses %s=%s, as its schema does", async (name, value) => {
    const response = await fetch(`http://${server.address}/v1/key?${name}=${value}`);
    const index = operation("get", "/v1/key").parameters.findIndex((parameter) => parameter.name === name);
    const place = ["paths", "/v1/key", "get", "parameters", String(index), "schema"];
    expect([response.status, violations(value, ...place).length > 0]).toEqual([400, true]);
  });

  test("the document itself is served, and nothing else at its place", async () => {
    const url = `http://${server.address}${openApiPath}`;
    const response = await fetch(url);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
    expect(await response.json()).toEqual(JSON.parse(JSON.stringify(document)));
    const head = await fetch(url, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([
      200,
      response.headers.get("content-length"),
    ]);
    const refused = await fetch(url, { method: "PUT", body: "x" });
    expect([refused.status, refused.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  test("each event of a watch", async () => {
    const path = "/v1/key:watch";
    const stop = new AbortController();
    const response = await fetch(`http://${server.address}${path}?start_revision=0&previous=true`, {
      signal: stop.signal,
    });
    const described = operation("get", path).responses["200"] as Described;
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(Object.keys(described.content ?? {})).toEqual(["text/event-stream"]);
    let text = "";
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString();
      if (text.split("\n\n").length > 4) break;
    }
    stop.abort();
    const messages = text.match(/^data: .*$/gm) ?? [];
    expect(messages.length).toBeGreaterThan(3);
    const place = ["paths", path, "get", "responses", "200", "content", "text/event-stream", "x-item-schema"];
    for (const message of messages) expect(violations(JSON.parse(message.slice(6)), ...place)).toEqual([]);
  });

  test("every operation was tried with success and with failure", () => {
    for (const [path, item] of Object.entries(document.paths)) {
      for (const method of Object.keys(item)) {
        const statuses = cases
          .filter((one) => one.path === path && one.method === method)
          .map((one) => one.status);
        expect(
          statuses.some((status) => status >= 400),
          `${method} ${path} fails`,
        ).toBe(true);
        const succeeds = path === "/v1/key:watch" || statuses.some((status) => status < 300);
        expect(succeeds, `${method} ${path} succeeds`).toBe(true);
      }
    }
  });
});

function checkHeaders(
  response: Response,
  described: Described,
  [path, method, status]: readonly (string | number)[],
) {
  for (const [name, header] of Object.entries(described.headers ?? {})) {
    const value = response.headers.get(name);
    // An error names a tag only where an entry is.
    if (value === null && Number(status) >= 400) continue;
    const place = ["paths", path, method, "responses", status, "headers", name, "schema"].map(String);
    const typed = header.schema["type"] === "integer" ? Number(value) : value;
    expect([name, value, violations(typed, ...place)]).toEqual([name, value, []]);
  }
}

test("schemas fit the JSON of messages of every shape, also of those that contain themselves", () => {
  const schemas = new JsonSchemas(new Map());
  const schema = schemas.message(FileDescriptorProtoSchema, "response");
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile({
    ...schema,
    components: { schemas: schemas.components },
  });
  const message = toJson(FileDescriptorProtoSchema, descriptorFile.proto, { alwaysEmitImplicit: true });
  expect([validate(message), validate.errors]).toEqual([true, null]);
  expect(validate({ ...(message as object), name: 7 })).toBe(false);
});
