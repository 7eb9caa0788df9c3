import { describe, expect, test } from "vitest";
import { errorCodes } from "../../../src/wire/http2/connection-error.ts";
import { frameTypes } from "../../../src/wire/http2/frame-format.ts";
import { ResponseHeaders } from "../../../src/wire/http2/response-headers.ts";
import type { Stream } from "../../../src/wire/http2/stream.ts";
import { openSession, request } from "./http2-client.ts";
import { RawClient } from "./raw-client.ts";
import { data, headers, requestFields } from "./raw-frames.ts";
import { okHeaders, serveHttp2 } from "./serve-http2.ts";

type Fields = readonly (readonly [string, string])[];

describe("a malformed request is reset with PROTOCOL_ERROR and reaches no handler:", () => {
  const without = (name: string): Fields => requestFields.filter(([field]) => field !== name);
  test.each<[name: string, fields: Fields]>([
    ["no :method", without(":method")],
    ["no :path", without(":path")],
    ["an invalid method", [...without(":method"), [":method", "GE T"]]],
    ["a path without a slash", [...without(":path"), [":path", "x"]]],
    ["a path with a space", [...without(":path"), [":path", "/a b"]]],
    ["a path of * for POST", [...without(":path"), [":path", "*"]]],
    ["a pseudo-header that is unknown", [...requestFields, [":protocol", "websocket"]]],
    ["a pseudo-header after a header", [...without(":path"), ["x", "y"], [":path", "/"]]],
    ["a pseudo-header twice", [...requestFields, [":path", "/"]]],
    ["host other than :authority", [...requestFields, ["host", "other"]]],
    ["two hosts", [...without(":authority"), ["host", "a"], ["host", "b"]]],
    ["a name in upper case", [...requestFields, ["X-Upper", "y"]]],
    ["a name with a space", [...requestFields, ["a b", "y"]]],
    ["an empty name", [...requestFields, ["", "y"]]],
    ["a value with CR", [...requestFields, ["x", "a\rb"]]],
    ["a value with LF", [...requestFields, ["x", "a\nb"]]],
    ["a value with NUL", [...requestFields, ["x", "a\0b"]]],
    ["a value that begins with a space", [...requestFields, ["x", " a"]]],
    ["a value that ends with a tab", [...requestFields, ["x", "a\t"]]],
    ["connection", [...requestFields, ["connection", "close"]]],
    ["transfer-encoding", [...requestFields, ["transfer-encoding", "chunked"]]],
    ["te other than trailers", [...requestFields, ["te", "gzip"]]],
    ["an invalid content-length", [...requestFields, ["content-length", "+5"]]],
    ["two content-lengths", [...requestFields, ["content-length", "5"], ["content-length", "6"]]],
    ["an invalid value of the varying header", [...requestFields, ["grpc-timeout", "1S\0"]]],
  ])("%s", async (_name, fields) => {
    let calls = 0;
    const { connect, ends } = await serveHttp2({
      varyingHeader: "grpc-timeout",
      onStream: () => void calls++,
    });
    const client = RawClient.open(connect());
    client.send(headers(1, false, fields));
    expect(await client.resetCode(1)).toBe(errorCodes.protocolError);
    expect(ends).toEqual(["malformed_request"]);
    expect(calls).toBe(0);
  });

  test.each([
    ["more than content-length", [data(1, "123456")]],
    ["less than content-length", [data(1, "12", true)]],
    ["less, in two parts with trailers", [data(1, "12"), headers(1, true, [["x", "y"]])]],
    ["trailers with a pseudo-header", [data(1, "12345"), headers(1, true)]],
    ["trailers that do not end the stream", [data(1, "12345"), headers(1, false, [["x", "y"]])]],
  ])("a body with %s", async (_name, frames) => {
    const { connect } = await serveHttp2();
    const client = RawClient.open(connect());
    client.send(headers(1, false, [...requestFields, ["content-length", "5"]]), ...frames);
    expect(await client.resetCode(1)).toBe(errorCodes.protocolError);
  });
});

describe("what a handler sees", () => {
  async function streamOf(fields: Fields): Promise<Stream> {
    const seen: Stream[] = [];
    const { connect } = await serveHttp2({
      onStream: (stream) => {
        seen.push(stream);
        stream.respondAndEnd(okHeaders);
      },
    });
    const client = RawClient.open(connect());
    client.send(headers(1, true, fields));
    await client.response(1);
    return seen[0] as Stream;
  }

  test("joins cookie crumbs and repeated headers", async () => {
    const { headers: list } = await streamOf([
      ...requestFields,
      ["cookie", "a=1"],
      ["x", "1"],
      ["cookie", "b=2"],
      ["x", "2"],
    ]);
    expect(list.get("cookie")).toBe("a=1; b=2");
    expect(list.fields.filter((name) => name === "cookie")).toHaveLength(1);
    expect(list.get("x")).toBe("1, 2");
    expect(list.get("absent")).toBeUndefined();
  });

  test("takes host for a missing :authority, and trailers of a request are dropped", async () => {
    const { headers: list } = await streamOf([
      [":method", "GET"],
      [":scheme", "http"],
      [":path", "/x?y"],
      ["host", "a:1"],
    ]);
    expect(list).toMatchObject({ authority: "a:1", path: "/x?y", method: "GET", contentLength: -1 });
    const { connect } = await serveHttp2();
    const client = RawClient.open(connect());
    client.send(headers(1), data(1, "body"), headers(1, true, [["x", "y"]]));
    await client.response(1);
    expect(client.bodyBytes(1)).toBe(4);
  });
});

test.each([
  ["an invalid name", "Upper", "x"],
  ["a value with CRLF", "x", "a\r\nset-cookie: b"],
  ["a value beyond Latin-1", "x", "€"],
  ["a connection-specific header", "connection", "close"],
])("a response with %s is not sent", async (_name, name, value) => {
  const { port, errors } = await serveHttp2({
    onStream: (stream) => stream.respondAndEnd(ResponseHeaders.status(200), [name, value]),
  });
  const session = openSession(port);
  await expect(request(session)).rejects.toThrow("INTERNAL_ERROR");
  expect(errors).toEqual([expect.any(RangeError)]);
});

test("431 for a header list over the limit, 200 for the next request", async () => {
  const { connect, ends } = await serveHttp2({ limits: { headerListBytesMax: 1000 } });
  const client = RawClient.open(connect());
  client.send(headers(1, false, [...requestFields, ["x-large", "v".repeat(1000)]]));
  const { payload } = await client.frameOf(frameTypes.headers, 1);
  expect(payload.includes("431")).toBe(true);
  expect(await client.resetCode(1)).toBe(errorCodes.noError);
  client.send(headers(3, true));
  await client.response(3);
  expect(ends).toEqual(["header_list_too_large"]);
});
