import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import type { GetRequest, PutRequest } from "../../gen/duetkv/v1/key_value_pb.ts";
import { serviceError } from "./memory-key-value.ts";
import { ask, askHttp2, exchangeBytes, openSocket, readAll, reasonOf, serve } from "./serve.ts";

const json = { "content-type": "application/json" };
const acceptJson = { accept: "application/json" };

describe.each([
  ["HTTP/1.1", ask],
  ["h2c", askHttp2],
])("over %s", (_name, send) => {
  test.each(["value=x", "bytes_value=eA==", "bytesValue=eA=="])(
    "a raw body does not go with ?%s",
    async (query) => {
      const { port, memory } = await serve();
      const put = await send(port, "PUT", `/v1/key/a?${query}`, { body: "Hello" });
      expect([put.status, reasonOf(put)]).toEqual([400, "REQUEST_MALFORMED"]);
      expect(memory.requests).toEqual([]);
    },
  );

  test("a raw value comes back byte for byte, with its revision", async () => {
    const { port } = await serve();
    const put = await send(port, "PUT", "/v1/key/a/b", { body: "Hello" });
    expect(put.status).toBe(201);
    expect(put.body).toBe("");
    expect(put.headers).toMatchObject({
      etag: '"1"',
      "duetkv-revision": "1",
      "content-length": "0",
      vary: "Accept",
    });
    const get = await send(port, "GET", "/v1/key/a%2Fb");
    expect(get.status).toBe(200);
    expect(get.body).toBe("Hello");
    expect(get.headers).toMatchObject({
      etag: '"1"',
      "duetkv-revision": "1",
      "content-length": "5",
      "content-type": "text/plain; charset=utf-8",
      "x-content-type-options": "nosniff",
      "content-security-policy": "sandbox",
      vary: "Accept",
    });
  });

  test("Idempotency-Key is the request id of every write, as text in quotes or not", async () => {
    const { port, memory } = await serve();
    const uuid = "0198C5F0-3c4e-7a51-9b1d-4f6a8e2c7d03";
    const key = { "idempotency-key": uuid };
    await send(port, "PUT", "/v1/key/a", { body: "x", headers: { "idempotency-key": `"${uuid}"` } });
    await send(port, "PUT", "/v1/key/a", { body: "{}", headers: { ...json, ...key } });
    await send(port, "POST", "/v1/key:touch", { body: '{"key":"a"}', headers: { ...json, ...key } });
    await send(port, "POST", "/v1/key:commit", { body: "{}", headers: { ...json, ...key } });
    await send(port, "DELETE", "/v1/key/a", { headers: key });
    const ids = memory.requests.map((request) => Buffer.from((request as PutRequest).requestId));
    expect(ids.map((id) => id.toString("hex"))).toEqual(
      Array(5).fill(uuid.replaceAll("-", "").toLowerCase()),
    );
  });

  test.each([
    ["not a UUID", { "idempotency-key": "7" }, "{}"],
    ["empty", { "idempotency-key": "" }, "{}"],
    [
      "beside a request_id",
      { "idempotency-key": "0198c5f0-3c4e-7a51-9b1d-4f6a8e2c7d03" },
      '{"requestId":"AZjF8DxOelGbHU9qjix9Aw=="}',
    ],
  ])("an Idempotency-Key that is %s is refused", async (_kind, headers, body) => {
    const { port, memory } = await serve();
    const put = await send(port, "PUT", "/v1/key/a", { body, headers: { ...json, ...headers } });
    expect([put.status, reasonOf(put)]).toEqual([400, "REQUEST_ID_INVALID"]);
    expect(memory.requests).toEqual([]);
  });

  test("HEAD says what GET would, without the value", async () => {
    const { port } = await serve();
    await send(port, "PUT", "/v1/key/a", { body: "Hällo" });
    const head = await send(port, "HEAD", "/v1/key/a");
    expect(head.status).toBe(200);
    expect(head.body).toBe("");
    expect(head.headers).toMatchObject({ etag: '"1"', "content-length": "6" });
    const missing = await send(port, "HEAD", "/v1/key/b");
    expect(missing.status).toBe(404);
    expect(missing.body).toBe("");
    const watch = await send(port, "HEAD", "/v1/key:watch");
    expect([watch.status, watch.body]).toEqual([200, ""]);
    expect(watch.headers["content-type"]).toBe("text/event-stream");
    expect(watch.headers).not.toHaveProperty("content-length");
  });

  test("errors have Connect's shape and a status", async () => {
    const { port } = await serve();
    const answer = await send(port, "GET", "/v1/key/none");
    expect(answer.status).toBe(404);
    expect(answer.headers["content-type"]).toBe("application/json");
    const { code, message, details } = JSON.parse(answer.body);
    expect({ code, message }).toEqual({ code: "not_found", message: "because of NO_SUCH_KEY" });
    expect(details[0]).toMatchObject({
      type: "google.rpc.ErrorInfo",
      debug: { reason: "NO_SUCH_KEY", domain: "duetkv" },
    });
    expect(details[0].value).toMatch(/^[A-Za-z0-9+/]+$/);
  });

  test("another method is 405 with Allow, another path 404", async () => {
    const { port } = await serve();
    const patch = await send(port, "PATCH", "/v1/key/a");
    expect([patch.status, patch.headers.allow, reasonOf(patch)]).toEqual([
      405,
      "DELETE, GET, HEAD, PUT",
      "METHOD_NOT_ALLOWED",
    ]);
    expect((await send(port, "DELETE", "/v1/key:watch")).headers.allow).toBe("GET, HEAD");
    for (const path of [
      "/v1",
      "/v1",
      "/v1/key:nothing",
      "/v2/key/a",
      "/v1/keys",
      "//v1/key/a",
      "/v1/../v1/key/a",
    ]) {
      const answer = await send(port, "GET", path);
      expect([path, answer.status, reasonOf(answer)]).toEqual([path, 404, "NO_SUCH_ROUTE"]);
    }
  });

  test("304 answers a read of what the client has", async () => {
    const { port } = await serve();
    await send(port, "PUT", "/v1/key/a", { body: "x" });
    for (const tag of ['"1"', 'W/"1"', '"0", "1"', "*", '"x",W/"1"']) {
      const answer = await send(port, "GET", "/v1/key/a", { headers: { "if-none-match": tag } });
      expect([tag, answer.status, answer.body, answer.headers.etag]).toEqual([tag, 304, "", '"1"']);
    }
    for (const tag of ['"2"', "1", "", '"11"']) {
      const answer = await send(port, "GET", "/v1/key/a", { headers: { "if-none-match": tag } });
      expect([tag, answer.status, answer.body]).toEqual([tag, 200, "x"]);
    }
  });

  test("a body that is too large is 413, with and without its length, and the server goes on", async () => {
    const { port } = await serve({ limits: { requestBytesMax: 1000 } });
    const answer = await send(port, "PUT", "/v1/key/a", { body: Buffer.alloc(300_000) });
    expect([answer.status, reasonOf(answer)]).toEqual([413, "REQUEST_TOO_LARGE"]);
    const chunked = await send(port, "PUT", "/v1/key/a", {
      body: Buffer.alloc(300_000),
      headers: send === ask ? { "transfer-encoding": "chunked" } : {},
    });
    expect([chunked.status, reasonOf(chunked)]).toEqual([413, "REQUEST_TOO_LARGE"]);
    expect((await send(port, "PUT", "/v1/key/a", { body: Buffer.alloc(1000) })).status).toBe(201);
  });
});

test("a client that sends all of a body that is too large before it listens still gets the answer", async () => {
  const { port } = await serve({ limits: { requestBytesMax: 1000 } });
  const body = Buffer.alloc(8 * 1024 * 1024);
  const socket = await openSocket(port);
  socket.write(`PUT /v1/key/a HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`);
  const failure = await new Promise((resolve) => socket.write(body, resolve));
  expect(failure ?? undefined).toBeUndefined();
  expect(await readAll(socket)).toMatch(/^HTTP\/1.1 413 [^]*connection: close[^]*REQUEST_TOO_LARGE/);
});

describe("a key in the path", () => {
  const keys: readonly [path: string, key: string][] = [
    [" ".replace(" ", "%20"), " "],
    ["a%20b%09%0A%0D", "a b\t\n\r"],
    ["/", "/"],
    ["//a//", "//a//"],
    ["%2F", "/"],
    ["a/b", "a/b"],
    ["a%2Fb", "a/b"],
    ["a%252Fb", "a%2Fb"],
    ["..", ".."],
    [".", "."],
    ["../../x", "../../x"],
    ["a/./b/../c", "a/./b/../c"],
    ["%2e%2e", ".."],
    [":watch", ":watch"],
    ["a:watch", "a:watch"],
    ["%3Awatch", ":watch"],
    ["__proto__", "__proto__"],
    ["constructor", "constructor"],
    ["a+b", "a+b"],
    ["a&b=c;d", "a&b=c;d"],
    ["%F0%9F%A6%86", "🦆"],
    ["%EF%BB%BF", "\ufeff"],
    ["%3F%23", "?#"],
    ["k".repeat(1024), "k".repeat(1024)],
    ["%C3%A9".repeat(512), "é".repeat(512)],
  ];
  test.each(keys)("%j comes through as it is", async (path, key) => {
    const { port, memory } = await serve();
    for (const send of [ask, askHttp2]) {
      expect((await send(port, "PUT", `/v1/key/${path}`, { body: "v" })).status).toBe(201);
      expect((await send(port, "GET", `/v1/key/${path}?consistency=local`)).body).toBe("v");
      expect((await send(port, "DELETE", `/v1/key/${path}`)).status).toBe(200);
    }
    expect(memory.requests.map((request) => (request as GetRequest).key)).toEqual(Array(6).fill(key));
  });

  test.each(["%", "a%2", "%zz", "%ff", "a%C0%AFb", "%ED%A0%80", "%E0%80%AF"])(
    "%j is no key",
    async (path) => {
      const { port, memory } = await serve();
      for (const method of ["GET", "PUT", "DELETE"]) {
        const answer = await ask(port, method, `/v1/key/${path}`);
        expect([answer.status, reasonOf(answer)]).toEqual([400, "KEY_INVALID"]);
      }
      expect(memory.requests).toEqual([]);
    },
  );

  test("empty and NUL reach the service, which refuses them", async () => {
    const { port } = await serve();
    expect(reasonOf(await ask(port, "GET", "/v1/key/"))).toBe("KEY_EMPTY");
    expect(reasonOf(await ask(port, "GET", "/v1/key/a%00b"))).toBe("KEY_INVALID");
  });

  test("is refused with bytes that should have been encoded", async () => {
    const { port, memory } = await serve();
    const request = "GET /v1/key/\xc3\xa9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    expect(await exchangeBytes(port, Buffer.from(request, "latin1"))).toMatch(/^HTTP\/1.1 400 /);
    expect((await askHttp2(port, "GET", "/v1/key/\xc3\xa9")).status).toBe(400);
    expect(memory.requests).toEqual([]);
  });

  test("is found in an absolute-form target", async () => {
    const { port, memory } = await serve();
    const head = "Host: x\r\nConnection: close\r\n\r\n";
    await exchangeBytes(port, `GET http://other.example:1/v1/key/a/../b?minRevision=3 HTTP/1.1\r\n${head}`);
    expect(memory.requests).toMatchObject([{ key: "a/../b", minRevision: 3n }]);
  });
});

describe("a value", () => {
  test.each([
    ["text without a type", {}, "Grüße", "text/plain; charset=utf-8"],
    [
      "what curl -d sends",
      { "content-type": "application/x-www-form-urlencoded" },
      "a=b&c",
      "text/plain; charset=utf-8",
    ],
    [
      "text that looks like JSON",
      { "content-type": "text/plain" },
      '{"value":1}',
      "text/plain; charset=utf-8",
    ],
    ["an empty one", {}, "", "text/plain; charset=utf-8"],
    ["one with a byte order mark", {}, "\ufeffx\r\n\0", "text/plain; charset=utf-8"],
    [
      "text that is called binary",
      { "content-type": "Application/Octet-Stream; x=y" },
      "abc",
      "application/octet-stream",
    ],
    ["what is not UTF-8", {}, Buffer.from([0xff, 0x00, 0xfe]), "application/octet-stream"],
    ["other JSON types", { "content-type": "application/json5" }, "{}", "text/plain; charset=utf-8"],
  ])("%s comes back as it was", async (_name, headers, body, type) => {
    const { port } = await serve();
    expect((await ask(port, "PUT", "/v1/key/a", { headers, body })).status).toBe(201);
    const answer = await ask(port, "GET", "/v1/key/a");
    expect(answer.bytes).toEqual(Buffer.from(body as string));
    expect(answer.headers["content-type"]).toBe(type);
  });

  test("can be written and read as JSON", async () => {
    const { port, memory } = await serve();
    const body = '{"value":"Hello","ttl":"60s","precondition":{"exists":false}}';
    const headers = { "content-type": "Application/JSON ; charset=utf-8", ...acceptJson };
    const put = await ask(port, "PUT", "/v1/key/a", { headers, body });
    expect(put.status).toBe(201);
    expect(JSON.parse(put.body)).toMatchObject({
      revision: "1",
      entry: { key: "a", revision: "1", version: "1" },
    });
    expect(memory.requests[0]).toMatchObject({
      key: "a",
      value: "Hello",
      ttl: { seconds: 60n },
      precondition: { condition: { case: "exists", value: false } },
    });
    const get = await ask(port, "GET", "/v1/key/a", { headers: acceptJson });
    expect(get.headers).toMatchObject({ "content-type": "application/json", etag: '"1"', vary: "Accept" });
    expect(JSON.parse(get.body)).toMatchObject({
      key: "a",
      value: "Hello",
      revision: "1",
      createRevision: "1",
    });
    const deleted = await ask(port, "DELETE", "/v1/key/a", { headers: acceptJson });
    expect(JSON.parse(deleted.body)).toEqual({ revision: "2", deleted: true });
  });

  test("takes a time to live and a condition from the query when it is raw", async () => {
    const { port, memory } = await serve();
    await ask(port, "PUT", "/v1/key/a?ttl=60s&precondition.exists=false", { body: "x" });
    expect(memory.requests[0]).toMatchObject({ value: "x", ttl: { seconds: 60n } });
    const again = await ask(port, "PUT", "/v1/key/a?precondition.exists=false", { body: "x" });
    expect([again.status, again.headers.etag]).toEqual([409, '"1"']);
  });

  test.each([
    ["an unknown field", '{"valeu":"x"}', /no field "valeu".*text\/plain/],
    ["a field of another type", '{"value":1}', /value is not valid.*text\/plain/],
    ["a field twice", '{"value":"secret","value":"b"}', /text\/plain/],
    ["no JSON", "secret", /not valid JSON.*text\/plain/],
    ["nothing", "", /not valid JSON/],
    ["another shape", "[1]", /the expected shape/],
    ["no UTF-8", Buffer.from([0x22, 0xff, 0x22]), /not UTF-8/],
    ["another key than the path", '{"key":"b"}', /key .* path/],
  ])("as JSON is refused for %s, and told how to be stored as it is", async (_name, body, message) => {
    const { port, memory } = await serve();
    const answer = await ask(port, "PUT", "/v1/key/a", { headers: json, body });
    expect([answer.status, reasonOf(answer)]).toEqual([400, "REQUEST_MALFORMED"]);
    expect(JSON.parse(answer.body).message).toMatch(message);
    expect(answer.body).not.toContain("secret");
    expect(memory.requests).toEqual([]);
  });

  test("as JSON takes no query parameters", async () => {
    const { port } = await serve();
    expect((await ask(port, "PUT", "/v1/key/a?ttl=60s", { headers: json, body: "{}" })).status).toBe(400);
  });

  test("is refused when it is compressed", async () => {
    const { port } = await serve();
    const answer = await ask(port, "PUT", "/v1/key/a", {
      headers: { "content-encoding": "gzip" },
      body: "x",
    });
    expect(answer.status).toBe(415);
    const identity = { "content-encoding": "Identity" };
    expect((await ask(port, "PUT", "/v1/key/a", { headers: identity, body: "x" })).status).toBe(201);
  });
});

describe("a precondition in the headers", () => {
  test.each([
    ["PUT", { "if-match": '"7"' }, { case: "revision", value: 7n }],
    ["DELETE", { "if-match": ' "7" ' }, { case: "revision", value: 7n }],
    ["PUT", { "if-match": "*" }, { case: "exists", value: true }],
    ["DELETE", { "if-none-match": "*" }, { case: "exists", value: false }],
  ])("%s %j reaches the service", async (method, headers, condition) => {
    const { port, memory } = await serve();
    await ask(port, method, "/v1/key/a", { headers });
    expect((memory.requests[0] as PutRequest).precondition?.condition).toEqual(condition);
  });

  test.each([
    [{ "if-match": 'W/"7"' }],
    [{ "if-match": '"7", "8"' }],
    [{ "if-match": "7" }],
    [{ "if-match": '"abc"' }],
    [{ "if-match": '"0"' }],
    [{ "if-match": '"9223372036854775808"' }],
    [{ "if-match": "" }],
    [{ "if-none-match": '"7"' }],
    [{ "if-match": "*", "if-none-match": "*" }],
  ])("%j is refused", async (headers) => {
    const { port, memory } = await serve();
    for (const method of ["PUT", "DELETE"]) {
      const answer = await ask(port, method, "/v1/key/a", { headers });
      expect([answer.status, reasonOf(answer)]).toEqual([400, "PRECONDITION_INVALID"]);
    }
    expect(memory.requests).toEqual([]);
  });

  test("together with one in the body or the query is refused", async () => {
    const { port } = await serve();
    const headers = { "if-match": "*" };
    const body = '{"precondition":{"exists":true}}';
    const answers = [
      await ask(port, "PUT", "/v1/key/a", { headers: { ...headers, ...json }, body }),
      await ask(port, "PUT", "/v1/key/a?precondition.exists=true", { headers }),
      await ask(port, "DELETE", "/v1/key/a?precondition.revision=1", { headers }),
    ];
    expect(answers.map(reasonOf)).toEqual(Array(3).fill("PRECONDITION_INVALID"));
  });

  test("that does not hold is 412, and 409 when it came from the body", async () => {
    const { port } = await serve();
    await ask(port, "PUT", "/v1/key/a", { body: "x" });
    const attempts = [
      await ask(port, "PUT", "/v1/key/a", { headers: { "if-match": '"9"' } }),
      await ask(port, "PUT", "/v1/key/a", { headers: { "if-none-match": "*" } }),
      await ask(port, "DELETE", "/v1/key/a?precondition.revision=9"),
      await ask(port, "PUT", "/v1/key/a", { headers: json, body: '{"precondition":{"exists":false}}' }),
      await ask(port, "PUT", "/v1/key/none", { headers: { "if-match": "*" } }),
    ];
    expect(attempts.map((answer) => [answer.status, answer.headers.etag])).toEqual([
      [412, '"1"'],
      [412, '"1"'],
      [409, '"1"'],
      [409, '"1"'],
      [412, undefined],
    ]);
  });
});

describe("a query", () => {
  test.each([
    ["pageSize=10&page_token=t", { pageSize: 10, pageToken: "t" }],
    ["keysOnly=true&reverse=false&count_only=true", { keysOnly: true, reverse: false, countOnly: true }],
    ["consistency=local", { consistency: 1 }],
    ["consistency=LOCAL", { consistency: 1 }],
    ["consistency=1", { consistency: 1 }],
    ["minRevision=9007199254740993", { minRevision: 9007199254740993n }],
    ["prefix=a%2Fb+c%2B&", { prefix: "a/b c+" }],
    ["prefix", { prefix: "" }],
    ["&&prefix=a=b", { prefix: "a=b" }],
  ])("?%s sets fields", async (query, fields) => {
    const { port, memory } = await serve();
    expect((await ask(port, "GET", `/v1/key?${query}`)).status).toBe(200);
    expect(memory.requests).toMatchObject([fields]);
  });

  test.each([
    ["limit=10", /limit/],
    ["pageSize=ten", /pageSize/],
    ["pageSize=", /pageSize/],
    ["pageSize=1&page_size=1", /page_size.*twice/],
    ["reverse=yes", /reverse/],
    ["consistency=strong", /consistency.*LINEARIZABLE, LOCAL/],
    ["prefix=%ff", /prefix/],
    ["%ff=x", /name/],
    ["__proto__=x", /__proto__/],
    ["prefix.x=1", /prefix\.x/],
  ])("?%s is refused by name", async (query, message) => {
    const { port, memory } = await serve();
    const answer = await ask(port, "GET", `/v1/key?${query}`);
    expect([answer.status, reasonOf(answer)]).toEqual([400, "REQUEST_MALFORMED"]);
    expect(JSON.parse(answer.body).message).toMatch(message);
    expect(memory.requests).toEqual([]);
  });

  test("cannot say again what the path says, nor both sides of a choice", async () => {
    const { port } = await serve();
    expect((await ask(port, "GET", "/v1/key/a?key=b")).status).toBe(400);
    const both = "precondition.revision=1&precondition.exists=true";
    expect((await ask(port, "DELETE", `/v1/key/a?${both}`)).status).toBe(400);
  });
});

describe("JSON methods", () => {
  test("List, BatchGet and Commit speak JSON whatever is accepted, and give the revision", async () => {
    const { port } = await serve();
    await ask(port, "PUT", "/v1/key/a", { body: "x" });
    const list = await ask(port, "GET", "/v1/key?prefix=a");
    expect(list.headers).toMatchObject({ "content-type": "application/json", "duetkv-revision": "1" });
    expect(JSON.parse(list.body)).toMatchObject({ entries: [{ key: "a", value: "x" }], nextPageToken: "" });
    const batch = await ask(port, "POST", "/v1/key:batchGet", { body: '{"keys":["a","b"]}' });
    expect(JSON.parse(batch.body)).toMatchObject({
      revision: "1",
      entries: [{ key: "a" }],
      missingKeys: ["b"],
    });
    const commit = await ask(port, "POST", "/v1/key:commit", { headers: json, body: '{"mutations":[]}' });
    expect(commit.headers["duetkv-revision"]).toBe("1");
  });
});

describe("the status of an error", () => {
  test.each([
    [serviceError(Code.NotFound, "NO_SUCH_KEY"), 404],
    [serviceError(Code.InvalidArgument, "KEY_TOO_LONG"), 400],
    [serviceError(Code.OutOfRange, "REVISION_COMPACTED"), 400],
    [serviceError(Code.ResourceExhausted, "VALUE_TOO_LARGE"), 413],
    [serviceError(Code.ResourceExhausted, "STORE_FULL"), 507],
    [serviceError(Code.Aborted, "REVISION_MISMATCH"), 409],
    [serviceError(Code.AlreadyExists, "KEY_EXISTS"), 409],
    [serviceError(Code.Unavailable, "LOG_UNAVAILABLE"), 503],
    [new ConnectError("x", Code.Unauthenticated), 401],
    [new ConnectError("x", Code.PermissionDenied), 403],
    [new ConnectError("x", Code.DeadlineExceeded), 504],
    [new ConnectError("x", Code.Canceled), 499],
    [new ConnectError("x", Code.Unimplemented), 501],
    [new ConnectError("x", Code.Internal), 500],
    [new ConnectError("x", Code.Unknown), 500],
    [new ConnectError("x", Code.FailedPrecondition), 400],
    [new ConnectError("x", Code.DataLoss), 500],
  ])("%s is %i", async (failure, status) => {
    const { port, memory } = await serve();
    memory.failure = failure;
    const answer = await ask(port, "GET", "/v1/key/a");
    expect(answer.status).toBe(status);
    expect(answer.headers["retry-after"]).toBe(status === 503 ? "1" : undefined);
  });

  test("the unexpected is logged and never sent", async () => {
    const { port, memory, errors } = await serve();
    memory.failure = new Error("the password is 123");
    const answer = await ask(port, "GET", "/v1/key/a");
    expect([answer.status, JSON.parse(answer.body).message]).toEqual([500, "internal error"]);
    expect(answer.body).not.toContain("123");
    expect(errors).toHaveLength(1);
  });
});
