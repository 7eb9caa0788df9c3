import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import {
  GetRequestSchema,
  GetResponseSchema,
  WatchResponseSchema,
} from "../../gen/duetkv/v1/key_value_pb.ts";
import { textForm } from "../../src/wire/grpc-web/body-form.ts";
import { createRandom, seed } from "../support/random.ts";
import { ask, askHttp2, serve } from "./serve.ts";

const path = "/duetkv.v1.KeyValueService";
const headers = { "content-type": "application/grpc-web-text" };

function envelope(message: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

const getRequest = (key: string): Buffer =>
  envelope(toBinary(GetRequestSchema, create(GetRequestSchema, { key })));

/** Flags and data of the envelopes in a body of base64 in parts. */
function readText(body: string): [flags: number, data: Buffer][] {
  const bytes = textForm.decode(Buffer.from(body));
  const found: [number, Buffer][] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    found.push([bytes[at] as number, bytes.subarray(at + 5, end)]);
    at = end;
  }
  return found;
}

describe.each([
  ["HTTP/1.1", ask],
  ["HTTP/2", askHttp2],
])("application/grpc-web-text over %s", (_version, send) => {
  test("unary calls are served, whole or in padded parts", async () => {
    const { port } = await serve();
    await send(port, "PUT", "/v1/key/a", { body: "text" });
    const request = getRequest("a");
    const parts = request.subarray(0, 4).toString("base64") + request.subarray(4).toString("base64");
    for (const body of [request.toString("base64"), parts]) {
      const answer = await send(port, "POST", `${path}/Get`, { headers, body });
      expect(answer.headers["content-type"]).toBe("application/grpc-web-text+proto");
      const [message, trailers] = readText(answer.body);
      expect(fromBinary(GetResponseSchema, message?.[1] as Buffer).entry?.value).toBe("text");
      expect([trailers?.[0], String(trailers?.[1])]).toEqual([0x80, "grpc-status: 0\r\n"]);
    }
  });

  test("errors are trailers in the body", async () => {
    const { port, failed } = await serve();
    const body = getRequest("none").toString("base64");
    const [trailers] = readText((await send(port, "POST", `${path}/Get`, { headers, body })).body);
    expect(String(trailers?.[1])).toContain("grpc-status: 5\r\n");
    expect(failed).toEqual([["get", "NO_SUCH_KEY"]]);
  });

  test.each(["!", "AAAA=", "AAAAAAA", "AAA", "A===", "====", "AA=A", "=AAA", "AAA-", "AAA\n", "A\u00ffAA"])(
    "a body of %s is refused",
    async (body) => {
      const { port, failed } = await serve();
      await send(port, "POST", `${path}/Get`, { headers, body });
      expect(failed).toEqual([["get", "REQUEST_MALFORMED"]]);
    },
  );

  test("server streams are served", async () => {
    const { port, memory } = await serve();
    memory.watch = async function* () {
      yield { revision: 1n };
      yield { revision: 2n };
    };
    const body = envelope(Buffer.alloc(0)).toString("base64");
    const answer = await send(port, "POST", `${path}/Watch`, { headers, body });
    expect(readText(answer.body).map(([flags]) => flags)).toEqual([0, 0, 0x80]);
  });

  test("a message over the limit is refused", async () => {
    const { port, failed } = await serve({ limits: { requestBytesMax: 100 } });
    await send(port, "POST", `${path}/Get`, {
      headers,
      body: getRequest("k".repeat(200)).toString("base64"),
    });
    expect(failed).toEqual([["get", "REQUEST_TOO_LARGE"]]);
  });
});

test("each message of a server stream is sent as soon as it is there", async () => {
  const { port, memory } = await serve();
  const received = Promise.withResolvers<void>();
  const first = envelope(
    toBinary(WatchResponseSchema, create(WatchResponseSchema, { revision: 1n })),
  ).toString("base64");
  memory.watch = async function* () {
    yield { revision: 1n };
    await received.promise;
    yield { revision: 2n };
  };
  const response = await fetch(`http://127.0.0.1:${port}${path}/Watch`, {
    method: "POST",
    headers,
    body: envelope(Buffer.alloc(0)).toString("base64"),
  });
  let text = "";
  for await (const part of response.body ?? []) {
    text += Buffer.from(part).toString();
    // The second message waits until the first has come.
    if (text === first) received.resolve();
  }
  expect(readText(text).map(([flags]) => flags)).toEqual([0, 0, 0x80]);
});

test("text is decoded as Buffer does, in parts of any number and length", () => {
  console.log(`SEED=${seed}`);
  const random = createRandom(seed);
  for (let round = 0; round < 200; round++) {
    const parts = Array.from({ length: random.below(20) }, () =>
      Buffer.from(Array.from({ length: random.below(50) }, () => random.below(256))),
    );
    const text = parts.map((part) => part.toString("base64")).join("");
    expect(textForm.decode(Buffer.from(text))).toEqual(Buffer.concat(parts));
  }
});

test("a body of a million parts takes no more memory than its bytes", () => {
  const body = Buffer.from("QQ==".repeat(1_000_000));
  const before = process.memoryUsage();
  const decoded = textForm.decode(body);
  const { heapUsed, external } = process.memoryUsage();
  expect([decoded.length, decoded[0], decoded.at(-1)]).toEqual([1_000_000, 0x41, 0x41]);
  expect(heapUsed + external - before.heapUsed - before.external).toBeLessThan(2 * body.length);
});
