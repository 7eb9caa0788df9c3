import { brotliCompressSync, gzipSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import { type Answer, type Ask, ask, askHttp2, reasonOf, serve } from "./serve.ts";

const service = "/duetkv.v1.KeyValueService";
const limits = { requestBytesMax: 1000 };
const json = { "content-type": "application/json" };
const big = Buffer.from(JSON.stringify({ key: "a".repeat(10_000) }));
const broken = Buffer.from("not compressed");
const get = (query: string): string => `${service}/Get?connect=v1&${query}`;

type Row = [name: string, method: string, path: string, ask: Ask, status: number, reason: string];

const connect: Row[] = [
  [
    "broken brotli",
    "POST",
    `${service}/Get`,
    { headers: { ...json, "content-encoding": "br" }, body: broken },
    400,
    "REQUEST_MALFORMED",
  ],
  [
    "broken gzip",
    "POST",
    `${service}/Get`,
    { headers: { ...json, "content-encoding": "gzip" }, body: broken },
    400,
    "REQUEST_MALFORMED",
  ],
  [
    "cut off gzip",
    "POST",
    `${service}/Get`,
    { headers: { ...json, "content-encoding": "gzip" }, body: gzipSync(big).subarray(0, 20) },
    400,
    "REQUEST_MALFORMED",
  ],
  [
    "an unknown encoding",
    "POST",
    `${service}/Get`,
    { headers: { ...json, "content-encoding": "deflate" }, body: broken },
    501,
    "ENCODING_UNSUPPORTED",
  ],
  [
    "a bomb of gzip",
    "POST",
    `${service}/Get`,
    { headers: { ...json, "content-encoding": "gzip" }, body: gzipSync(big) },
    429,
    "REQUEST_TOO_LARGE",
  ],
  [
    "a bomb of brotli",
    "POST",
    `${service}/Get`,
    { headers: { ...json, "content-encoding": "br" }, body: brotliCompressSync(big) },
    429,
    "REQUEST_TOO_LARGE",
  ],
  ["a body over the limit", "POST", `${service}/Get`, { headers: json, body: big }, 429, "REQUEST_TOO_LARGE"],
  ["GET with bad base64", "GET", get("encoding=proto&base64=1&message=%C3%BC"), {}, 400, "REQUEST_MALFORMED"],
  [
    "GET with base64 of an impossible length",
    "GET",
    get("encoding=proto&base64=1&message=AAAAA"),
    {},
    400,
    "REQUEST_MALFORMED",
  ],
  [
    "GET with what is not protobuf",
    "GET",
    get("encoding=proto&base64=1&message=____"),
    {},
    400,
    "REQUEST_MALFORMED",
  ],
  ["GET with what is not JSON", "GET", get("encoding=json&message=%7B"), {}, 400, "REQUEST_MALFORMED"],
  ["GET without an encoding", "GET", get("message=%7B%7D"), {}, 415, "CONTENT_TYPE_UNSUPPORTED"],
  [
    "a content type of its own",
    "POST",
    `${service}/Get`,
    { headers: { "content-type": "text/xml" } },
    415,
    "CONTENT_TYPE_UNSUPPORTED",
  ],
  ["PUT", "PUT", `${service}/Get`, { headers: json, body: "{}" }, 405, "METHOD_NOT_ALLOWED"],
  [
    "a deadline that is none",
    "POST",
    `${service}/Get`,
    { headers: { ...json, "connect-timeout-ms": "soon" }, body: "{}" },
    400,
    "REQUEST_MALFORMED",
  ],
  [
    "protobuf that is none",
    "POST",
    `${service}/Get`,
    { headers: { "content-type": "application/proto" }, body: "\xff" },
    400,
    "REQUEST_MALFORMED",
  ],
];

test.each(connect)(
  "Connect: %s has a status and a reason, and is counted",
  async (_name, method, path, sent, status, reason) => {
    for (const send of [ask, askHttp2]) {
      const { port, failed, errors } = await serve({ limits });
      const response = await send(port, method, path, sent);
      expect([response.status, reasonOf(response)]).toEqual([status, reason]);
      expect(failed).toEqual([["get", reason]]);
      expect(errors).toEqual([]);
    }
  },
);

test("Connect: a stream ends with a reason, too", async () => {
  const { port, failed } = await serve({ limits });
  const headers = { "content-type": "application/connect+json", "connect-content-encoding": "snappy" };
  const response = await ask(port, "POST", `${service}/Watch`, {
    headers,
    body: envelope(Buffer.from("{}")),
  });
  expect(response.status).toBe(200);
  expect(reasonOf({ body: JSON.stringify(JSON.parse(response.body.slice(5)).error) })).toBe(
    "ENCODING_UNSUPPORTED",
  );
  expect(failed).toEqual([["watch", "ENCODING_UNSUPPORTED"]]);
});

describe.each(["application/grpc", "application/grpc-web"])("%s", (type) => {
  test.each<[name: string, headers: Record<string, string>, body: Buffer, status: number, reason: string]>([
    ["broken gzip", { "grpc-encoding": "gzip" }, envelope(broken, 1), 3, "REQUEST_MALFORMED"],
    ["broken brotli", { "grpc-encoding": "br" }, envelope(broken, 1), 3, "REQUEST_MALFORMED"],
    ["a bomb", { "grpc-encoding": "gzip" }, envelope(gzipSync(big), 1), 8, "REQUEST_TOO_LARGE"],
    ["an unknown encoding", { "grpc-encoding": "deflate" }, envelope(broken, 1), 12, "ENCODING_UNSUPPORTED"],
    ["compressed without an encoding", {}, envelope(broken, 1), 13, "REQUEST_MALFORMED"],
    ["what is not protobuf", {}, envelope(Buffer.of(0xff)), 3, "REQUEST_MALFORMED"],
    [
      "what is not protobuf, compressed",
      { "grpc-encoding": "gzip" },
      envelope(gzipSync(Buffer.of(0xff)), 1),
      3,
      "REQUEST_MALFORMED",
    ],
    ["no message", {}, Buffer.alloc(0), 12, "REQUEST_MALFORMED"],
    ["no message, of an encoding", { "grpc-encoding": "gzip" }, Buffer.alloc(0), 12, "REQUEST_MALFORMED"],
    [
      "two messages",
      {},
      Buffer.concat([envelope(broken.subarray(0, 0)), envelope(broken.subarray(0, 0))]),
      12,
      "REQUEST_MALFORMED",
    ],
    ["a message over the limit", {}, envelope(big), 8, "REQUEST_TOO_LARGE"],
    [
      "a deadline that is none",
      { "grpc-timeout": "soon" },
      envelope(Buffer.alloc(0)),
      3,
      "REQUEST_MALFORMED",
    ],
  ])("%s has a reason, and is counted", async (_name, extra, body, status, reason) => {
    const { port, failed, errors } = await serve({ limits, listener: {} });
    const response = await askHttp2(port, "POST", `${service}/Get`, {
      headers: { "content-type": type, ...extra },
      body,
    });
    const trailers = type === "application/grpc" ? response.trailers : webTrailers(response);
    expect([trailers["grpc-status"], reasonOfTrailers(trailers)]).toEqual([String(status), reason]);
    expect(failed).toEqual([["get", reason]]);
    expect(errors).toEqual([]);
  });
});

test("gRPC with an unknown subtype has a reason, and is counted", async () => {
  const { port, failed } = await serve();
  const headers = { "content-type": "application/grpc+xml" };
  const response = await askHttp2(port, "POST", `${service}/Get`, { headers });
  expect([response.status, reasonOf(response)]).toEqual([415, "CONTENT_TYPE_UNSUPPORTED"]);
  expect(failed).toEqual([["get", "CONTENT_TYPE_UNSUPPORTED"]]);
});

test.each<Row>([
  ["a missing key", "GET", "/v1/key/none", {}, 404, "NO_SUCH_KEY"],
  ["an unknown path", "GET", "/nothing", {}, 404, "NO_SUCH_ROUTE"],
  ["a wrong method", "POST", "/v1/key/a", {}, 405, "METHOD_NOT_ALLOWED"],
  [
    "a deadline that is none",
    "GET",
    "/v1/key/a",
    { headers: { "connect-timeout-ms": "soon" } },
    400,
    "REQUEST_MALFORMED",
  ],
])("REST: %s is counted by its reason", async (_name, method, path, sent, status, reason) => {
  const { port, failed } = await serve();
  const response = await ask(port, method, path, sent);
  expect([response.status, reasonOf(response)]).toEqual([status, reason]);
  expect(failed.map(([, each]) => each)).toEqual([reason]);
});

function envelope(data: Buffer, flags = 0): Buffer {
  const header = Buffer.alloc(5);
  header[0] = flags;
  header.writeUInt32BE(data.length, 1);
  return Buffer.concat([header, data]);
}

type Trailers = Record<string, string | string[] | undefined>;

/** The trailers of gRPC-Web: in the headers of a response without a body, else in the last envelope. */
function webTrailers({ headers, bytes }: Answer): Trailers {
  if (headers["grpc-status"] !== undefined) return headers;
  const lines = bytes.subarray(5).toString().trim().split("\r\n");
  return Object.fromEntries(lines.map((line) => line.split(": ", 2) as [string, string]));
}

function reasonOfTrailers(trailers: Trailers): string | undefined {
  const details = fromBinary(
    StatusSchema,
    Buffer.from(String(trailers["grpc-status-details-bin"]), "base64"),
  ).details;
  return details.map(({ value }) => fromBinary(ErrorInfoSchema, value).reason)[0];
}
