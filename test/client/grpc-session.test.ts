import { once } from "node:events";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { create, toBinary } from "@bufbuild/protobuf";
import { generate } from "selfsigned";
import { expect, onTestFinished, test } from "vitest";
import { GrpcSession } from "../../clients/typescript/src/grpc-session.ts";
import { connect } from "../../clients/typescript/src/node.ts";
import { GetResponseSchema } from "../../gen/duetkv/v1/key_value_pb.ts";
import { until } from "../support/until.ts";
import { flags, frame, frameType, headerBlock, preface, settings } from "../wire/raw-http2.ts";
import { patienceMs } from "./patience.ts";

interface Request {
  readonly socket: TLSSocket;
  readonly streamId: number;
}

/** A server over TLS that leaves the responses to the test. Requests come in as soon as they have ended. */
async function startSilentServer(
  onRequest: (request: Request) => void,
): Promise<{ url: string; ca: string }> {
  const names = [{ type: 7, ip: "127.0.0.1" } as const];
  const { cert, private: key } = await generate([{ name: "commonName", value: "localhost" }], {
    algorithm: "sha256",
    keyType: "ec",
    extensions: [{ name: "subjectAltName", altNames: names }],
  });
  const server = createServer({ cert, key, ALPNProtocols: ["h2"] }, (socket) => {
    socket.on("error", () => {});
    socket.write(settings);
    let rest = Buffer.alloc(0);
    let isOpen = false;
    socket.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      if (!isOpen && rest.length < preface.length) return;
      if (!isOpen) rest = rest.subarray(preface.length);
      isOpen = true;
      while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
        const [type, flag, streamId] = [rest[3], rest[4] as number, rest.readUInt32BE(5)];
        rest = rest.subarray(9 + rest.readUIntBE(0, 3));
        if (type === frameType.data && (flag & flags.endStream) !== 0) onRequest({ socket, streamId });
      }
    });
  });
  onTestFinished(() => void server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, ca: cert };
}

function response(streamId: number, value: string): Buffer {
  const message = toBinary(GetResponseSchema, create(GetResponseSchema, { entry: { key: "k", value } }));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  const headers = headerBlock({ ":status": "200", "content-type": "application/grpc+proto" });
  return Buffer.concat([
    frame(frameType.headers, flags.endHeaders, streamId, headers),
    frame(frameType.data, 0, streamId, Buffer.concat([head, message])),
    frame(
      frameType.headers,
      flags.endHeaders | flags.endStream,
      streamId,
      headerBlock({ "grpc-status": "0" }),
    ),
  ]);
}

// A proxy sends the responses of several calls together. While a write is under way, Node processes the frames in one go:
// the stream of the last response is closed before anybody has seen its headers.
test("reads responses that arrive together while the client sends another call", async () => {
  const recordBytes = 16_384;
  const requests: Request[] = [];
  const { url, ca } = await startSilentServer((request) => {
    requests.push(request);
    const { socket } = request;
    const [first, second, third] = requests.map(({ streamId }) => streamId) as [number, number, number];
    if (requests.length > 3) socket.write(response(request.streamId, "again"));
    if (requests.length !== 3) return;
    // The first response fills a record of TLS. Its reader begins the fourth call before Node decodes the next record.
    const overhead = response(first, "1".repeat(recordBytes / 2)).length - recordBytes / 2;
    const record = response(first, "1".repeat(recordBytes - overhead));
    expect(record.length).toBe(recordBytes);
    socket.write(Buffer.concat([record, response(second, "2"), response(third, "3")]));
  });
  const client = connect({ url, tls: { ca }, retry: false, batch: false, timeoutMs: patienceMs });
  onTestFinished(() => client.close());
  const values = await Promise.all([
    client.get("a").then(() => client.get("a")),
    client.get("b"),
    client.get("c"),
  ]);
  expect(values.map((entry) => entry?.value)).toEqual(["again", "2", "3"]);
});

test("closes a stream that its reader leaves after the first bytes", async () => {
  const server = createHttp2Server((_, { stream }) => void stream.write("first"));
  onTestFinished(() => void server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const session = new GrpcSession(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(() => session.abort());
  const stream = await session.request("POST", "/", {}, {});
  for await (const chunk of stream) {
    expect(String(chunk)).toBe("first");
    break;
  }
  await until(() => expect(stream.destroyed).toBe(true));
});
