import {
  create,
  createFileRegistry,
  type DescService,
  type MessageInitShape,
  setExtension,
} from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  EnumDescriptorProtoSchema,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  file_google_protobuf_duration,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
  FieldDescriptorProto_Label as Label,
  MethodDescriptorProtoSchema,
  MethodOptionsSchema,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { http } from "../../gen/google/api/annotations_pb.ts";
import { HttpRuleSchema } from "../../gen/google/api/http_pb.ts";
import { createMethodTable, type ServiceRegistration } from "../../src/wire/method-table.ts";
import { bindHttpRules } from "../../src/wire/rest/http-rule.ts";
import { ask, reasonOf, serve } from "./serve.ts";

type Rule = MessageInitShape<typeof HttpRuleSchema>;

const scalars = {
  text: Type.STRING,
  flag: Type.BOOL,
  small: Type.INT32,
  big: Type.INT64,
  unsigned: Type.UINT64,
  real: Type.DOUBLE,
  blob: Type.BYTES,
};

function field(name: string, number: number, type: Type, typeName = "", label = Label.OPTIONAL) {
  const jsonName = name.replace(/_(.)/g, (_match, letter: string) => letter.toUpperCase());
  return create(FieldDescriptorProtoSchema, { name, jsonName, number, type, typeName, label });
}

/** A service `test.Library` with one method `Call` that has the given rule, and messages with every kind of field. */
function library(rule: Rule, stream = false): DescService {
  const options = create(MethodOptionsSchema);
  setExtension(options, http, create(HttpRuleSchema, rule));
  const book = create(DescriptorProtoSchema, {
    name: "Book",
    field: [
      field("book_name", 1, Type.STRING),
      field("pages", 2, Type.INT32),
      field("inner", 3, Type.MESSAGE, ".test.Book"),
    ],
  });
  const request = create(DescriptorProtoSchema, {
    name: "Request",
    field: [
      ...Object.entries(scalars).map(([name, type], index) => field(name, index + 1, type)),
      field("color", 10, Type.ENUM, ".test.Color"),
      field("book", 11, Type.MESSAGE, ".test.Book"),
      field("many_texts", 12, Type.STRING, "", Label.REPEATED),
      field("many_colors", 13, Type.ENUM, ".test.Color", Label.REPEATED),
      field("books", 14, Type.MESSAGE, ".test.Book", Label.REPEATED),
      field("wait", 15, Type.MESSAGE, ".google.protobuf.Duration"),
      field("at", 16, Type.MESSAGE, ".google.protobuf.Timestamp"),
      field("wrapped", 17, Type.MESSAGE, ".google.protobuf.BoolValue"),
      field("waits", 18, Type.MESSAGE, ".google.protobuf.Duration", Label.REPEATED),
    ],
  });
  const file = create(FileDescriptorProtoSchema, {
    name: "test.proto",
    package: "test",
    syntax: "proto3",
    dependency: [
      "google/protobuf/duration.proto",
      "google/protobuf/timestamp.proto",
      "google/protobuf/wrappers.proto",
    ],
    enumType: [
      create(EnumDescriptorProtoSchema, {
        name: "Color",
        value: [
          { name: "NONE", number: 0 },
          { name: "DARK_RED", number: 1 },
        ],
      }),
    ],
    messageType: [book, request],
    service: [
      {
        name: "Library",
        method: [
          create(MethodDescriptorProtoSchema, {
            name: "Call",
            inputType: ".test.Request",
            outputType: ".test.Request",
            serverStreaming: stream,
            options,
          }),
        ],
      },
    ],
  });
  const known = [
    file_google_protobuf_duration,
    file_google_protobuf_timestamp,
    file_google_protobuf_wrappers,
  ];
  const registry = createFileRegistry(file, (name) => known.find((k) => `${k.name}.proto` === name));
  return registry.getService("test.Library") as DescService;
}

/** Serves the method; it answers with its request. */
async function serveEcho(rule: Rule) {
  const service = library(rule);
  const requests: Record<string, unknown>[] = [];
  const call = (request: Record<string, unknown>, _context: HandlerContext): object => {
    requests.push(request);
    return request;
  };
  const registration = { service, implementation: { call } } as unknown as ServiceRegistration;
  return { ...(await serve({ services: [registration] })), requests };
}

const get = (path: string): Rule => ({ pattern: { case: "get", value: path } });

describe("a path", () => {
  test.each([
    ["/v1/{text}", "/v1/a%20b", { text: "a b" }],
    ["/v1/{text=shelves/*}", "/v1/shelves/7", { text: "shelves/7" }],
    ["/v1/{text=shelves/*/**}:go", "/v1/shelves/7/a/b:go", { text: "shelves/7/a/b" }],
    ["/v1/{text}/pages/{small}", "/v1/x/pages/42", { text: "x", small: 42 }],
    ["/v1/{book.book_name}", "/v1/x", { book: { bookName: "x" } }],
    ["/v1/{book.inner.bookName}", "/v1/x", { book: { inner: { bookName: "x" } } }],
    ["/v1/{big}", "/v1/9007199254740993", { big: "9007199254740993" }],
    ["/v1/{color}", "/v1/dark_red", { color: "DARK_RED" }],
    ["/v1/{wait}", "/v1/1.5s", { wait: "1.500s" }],
    ["/v1/*/{text=**}", "/v1/any/a//b", { text: "a//b" }],
    ["/v1/x/**", "/v1/x/anything/else", {}],
  ])("%s takes %s apart", async (template, path, fields) => {
    const { port } = await serveEcho(get(template));
    const answer = await ask(port, "GET", path);
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([200, fields]);
  });

  test.each([
    ["/v1/{text}", "/v1/"],
    ["/v1/{text}", "/v1/a/b"],
    ["/v1/{text}:go", "/v1/a"],
    ["/v1/{text=shelves/*}", "/v1/shelves/"],
    ["/v1/x/**", "/v1/x"],
  ])("%s does not fit %s", async (template, path) => {
    const { port } = await serveEcho(get(template));
    expect((await ask(port, "GET", path)).status).toBe(404);
  });

  test.each([
    ["/v1/{small}", "/v1/x"],
    ["/v1/{text}", "/v1/%ff"],
    ["/v1/{color}", "/v1/green"],
  ])("%s refuses %s", async (template, path) => {
    const { port } = await serveEcho(get(template));
    const answer = await ask(port, "GET", path);
    expect([answer.status, reasonOf(answer)]).toEqual([400, "REQUEST_MALFORMED"]);
  });
});

describe("a query", () => {
  test.each([
    ["text=a&flag=true&small=-3&real=1.5", { text: "a", flag: true, small: -3, real: 1.5 }],
    ["unsigned=18446744073709551615", { unsigned: "18446744073709551615" }],
    ["real=NaN", { real: "NaN" }],
    ["blob=AP8%3D", { blob: "AP8=" }],
    ["book.book_name=x&book.inner.pages=3", { book: { bookName: "x", inner: { pages: 3 } } }],
    ["many_texts=a&manyTexts=b", { manyTexts: ["a", "b"] }],
    ["many_colors=dark_red&many_colors=0", { manyColors: ["DARK_RED", "NONE"] }],
    ["wait=60s&at=2026-01-02T03:04:05Z", { wait: "60s", at: "2026-01-02T03:04:05Z" }],
    ["wrapped=true", { wrapped: true }],
    ["waits=1s&waits=2s", { waits: ["1s", "2s"] }],
  ])("?%s sets fields", async (query, fields) => {
    const { port } = await serveEcho(get("/v1"));
    const answer = await ask(port, "GET", `/v1?${query}`);
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([200, fields]);
  });

  test.each([
    "book=x",
    "books=x",
    "books.pages=1",
    "blob=*",
    "wait=soon",
    "at=now",
    "wrapped=1",
    "small=1.5",
    "flag=1",
    "color=9x",
    "big=9223372036854775808",
    "text.x=1",
  ])("?%s is refused", async (query) => {
    const { port, requests } = await serveEcho(get("/v1"));
    const answer = await ask(port, "GET", `/v1?${query}`);
    expect([answer.status, JSON.parse(answer.body).message]).toEqual([
      400,
      expect.stringContaining(query.split("=")[0] ?? ""),
    ]);
    expect(requests).toEqual([]);
  });
});

const post = (path: string, body: string): Rule => ({ pattern: { case: "post", value: path }, body });

describe("a body", () => {
  test("* is the whole message but what the path gives", async () => {
    const { port } = await serveEcho(post("/v1/{text}", "*"));
    const answer = await ask(port, "POST", "/v1/a", { body: '{"book":{"pages":3},"small":1}' });
    expect(JSON.parse(answer.body)).toMatchObject({ text: "a", book: { pages: 3 }, small: 1 });
    expect((await ask(port, "POST", "/v1/a", { body: '{"text":"b"}' })).status).toBe(400);
    expect((await ask(port, "POST", "/v1/a?small=1", { body: "{}" })).status).toBe(400);
    expect((await ask(port, "POST", "/v1/a")).status).toBe(200);
  });

  test("of one field leaves the others to the query", async () => {
    const { port } = await serveEcho(post("/v1/{text}", "book"));
    const answer = await ask(port, "POST", "/v1/a?small=2", { body: '{"pages":3}' });
    expect(JSON.parse(answer.body)).toMatchObject({ text: "a", small: 2, book: { pages: 3 } });
    expect((await ask(port, "POST", "/v1/a?book.pages=2", { body: "{}" })).status).toBe(400);
    expect((await ask(port, "POST", "/v1/a", { body: "[]" })).status).toBe(400);
    expect((await ask(port, "POST", "/v1/a", { body: '{"x":1}' })).status).toBe(400);
  });

  test("can be a list", async () => {
    const { port } = await serveEcho(post("/v1", "many_texts"));
    const answer = await ask(port, "POST", "/v1", { body: '["a","b"]' });
    expect(JSON.parse(answer.body)).toMatchObject({ manyTexts: ["a", "b"] });
  });

  test("is passed over where the rule has none", async () => {
    const { port } = await serveEcho(get("/v1/{text}"));
    expect(
      (await ask(port, "GET", "/v1/a", { headers: { "content-length": 8 }, body: "whatever" })).status,
    ).toBe(200);
  });

  test.each([
    ["book", { book: { pages: 3 } }, { bookName: "", pages: 3 }],
    ["book", {}, null],
    ["many_texts", { manyTexts: ["a"] }, ["a"]],
    ["small", { small: 4 }, 4],
  ])("of the answer can be one field: %s", async (responseBody, request, expected) => {
    const { port } = await serveEcho({ ...post("/v1", "*"), responseBody });
    const answer = await ask(port, "POST", "/v1", { body: JSON.stringify(request) });
    expect(JSON.parse(answer.body)).toEqual(expected);
  });
});

describe("bindings", () => {
  test("of every method, additional ones and custom kinds all lead to the call", async () => {
    const { port } = await serveEcho({
      pattern: { case: "put", value: "/put" },
      additionalBindings: [
        { pattern: { case: "delete", value: "/delete" } },
        { pattern: { case: "patch", value: "/patch/{text}" } },
        { pattern: { case: "custom", value: { kind: "PROPFIND", path: "/custom" } } },
        { pattern: { case: "custom", value: { kind: "*", path: "/any" } } },
      ],
    });
    const asked = [
      "PUT /put",
      "DELETE /delete",
      "PATCH /patch/a",
      "PROPFIND /custom",
      "OPTIONS /any",
      "GET /any",
    ];
    for (const line of asked) {
      const [method = "", path = ""] = line.split(" ");
      expect([line, (await ask(port, method, path)).status]).toEqual([line, 200]);
    }
    expect((await ask(port, "GET", "/put")).headers.allow).toBe("PUT");
  });

  test.each([
    ["a field that is not there", get("/{none}"), "no field none"],
    ["a field that is a message", get("/{book}"), "no field book that a path can set"],
    ["a field that is repeated", get("/{many_texts}"), "no field many_texts that a path can set"],
    ["a body that is not there", { ...get("/a"), body: "none" }, "no field none"],
    ["a response body that is not there", { ...get("/a"), responseBody: "none" }, "no field none"],
    ["a broken template", get("/{text"), "expected }"],
    ["no path", {}, "has no path"],
    ["the same place twice", { ...get("/a"), additionalBindings: [get("/a")] }, "two routes"],
  ])("with %s are refused at start", (_name, rule, message) => {
    const methods = createMethodTable([{ service: library(rule as Rule), implementation: {} }]);
    expect(() => bindHttpRules(methods.values(), new Map())).toThrow(message);
  });
});
