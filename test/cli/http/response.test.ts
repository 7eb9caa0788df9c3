import { expect, test } from "vitest";
import { ByteReader } from "../../../src/cli/http/byte-reader.ts";
import { readResponse } from "../../../src/cli/http/response.ts";

async function* split(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(reader: ByteReader) {
  const { status, body, keepAlive } = await readResponse(reader);
  return { status, keepAlive, body: Buffer.concat(await Array.fromAsync(body)).toString() };
}

const responses: readonly [string, string, object][] = [
  [
    "a length",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    { status: 200, keepAlive: true, body: "hello" },
  ],
  [
    "chunks with extensions and trailers",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\n",
    { status: 200, keepAlive: true, body: "hello" },
  ],
  ["no body", "HTTP/1.1 204 No Content\r\n\r\n", { status: 204, keepAlive: true, body: "" }],
  [
    "an interim response before it",
    "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 404\r\nContent-Length: 0\r\n\r\n",
    { status: 404, keepAlive: true, body: "" },
  ],
  [
    "the wish to close",
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
    { status: 200, keepAlive: false, body: "x" },
  ],
  [
    "lines without CR",
    "HTTP/1.0 200 OK\nContent-Length: 1\n\nx",
    { status: 200, keepAlive: false, body: "x" },
  ],
];

test.each(responses)("reads a response with %s, however it is cut", async (_, text, expected) => {
  for (let size = 1; size <= text.length; size++) {
    const reader = new ByteReader(split(text.repeat(2), size));
    expect(await read(reader)).toEqual(expected);
    expect(await read(reader)).toEqual(expected);
  }
});

test("a body without a length ends with the connection", async () => {
  const reader = new ByteReader(split("HTTP/1.1 200 OK\r\n\r\nhello", 3));
  expect(await read(reader)).toEqual({ status: 200, keepAlive: false, body: "hello" });
});

test.each(responses.map(([name, text]) => [name, text] as const))(
  "rejects a response with %s that ends early, wherever that is",
  async (_, text) => {
    for (let length = 0; length < text.length; length++) {
      const reader = new ByteReader(split(text.slice(0, length), 4));
      await expect(read(reader)).rejects.toThrow("ended");
    }
  },
);

test.each([
  ["SSH-2.0-OpenSSH\r\n", "does not speak HTTP/1.1"],
  ["HTTP/2 200\r\n", "does not speak HTTP/1.1"],
  ["HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "a malformed header line"],
  ["HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nx", "a malformed Content-Length"],
  ["HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx", "a malformed Content-Length"],
  ["HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "unsupported transfer encoding"],
  ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "a malformed chunk"],
  ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxxxxx\r\n", "a line is longer than 2 bytes"],
  [`HTTP/1.1 200 OK\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, "a line is longer than 16384 bytes"],
  [`HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(201)}\r\n`, "more than 200 header lines"],
])("refuses %.60j: %s", async (text, message) => {
  await expect(read(new ByteReader(split(text, 100)))).rejects.toThrow(message);
});
