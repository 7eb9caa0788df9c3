import { once } from "node:events";
import { createServer, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { expect, onTestFinished, test } from "vitest";
import { ForwardResponseSchema } from "../../gen/duetkv/internal/v1/forwarding_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { DuetError } from "../../src/errors.ts";
import { NotForwardedError } from "../../src/replication/not-forwarded-error.ts";
import { Peer } from "../../src/replication/peer.ts";
import { PeerProof } from "../../src/replication/peer-proof.ts";
import { messageCodec } from "../../src/wire/wire.ts";

type Respond = (stream: ServerHttp2Stream, body: Buffer) => void;

const operations = [new Uint8Array()];

function succeed(
  stream: ServerHttp2Stream,
  message = toBinary(ForwardResponseSchema, create(ForwardResponseSchema)),
) {
  const body = Buffer.alloc(5 + message.length);
  body.writeUInt32BE(message.length, 1);
  body.set(message, 5);
  stream.respond({ "content-type": "application/grpc+proto" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(body);
}

/** Opens a peer that responds to the first request as `respondFirst` does, and then as `respond` does. */
async function openPeer(
  respond: Respond,
  requestMs = 10_000,
  respondFirst: Respond = (stream) => succeed(stream),
): Promise<Peer> {
  const server = createServer();
  let requests = 0;
  server.on("stream", (stream) => {
    const chunks: Buffer[] = [];
    stream.on("error", () => {});
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => (requests++ === 0 ? respondFirst : respond)(stream, Buffer.concat(chunks)));
  });
  server.on("sessionError", () => {});
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close());
  const peer = await Peer.open({ ...optionsOf((server.address() as AddressInfo).port), requestMs });
  onTestFinished(() => peer.close());
  return peer;
}

function optionsOf(port: number) {
  return {
    id: "w",
    address: `127.0.0.1:${port}`,
    storeId: "0",
    codec: messageCodec,
    proof: PeerProof.none,
    now: () => 0,
    tls: undefined,
    pingMs: 20,
  };
}

/** "not forwarded", "unknown", or the reason. */
async function failureOf(peer: Peer): Promise<string> {
  const error = await peer.forward(operations, 0).then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(Error);
  if (error instanceof DuetError) return error.reason;
  return error instanceof NotForwardedError ? "not forwarded" : "unknown";
}

test("a replica that does not listen cannot be opened", async () => {
  const server = createTcpServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await expect(Peer.open(optionsOf(port))).rejects.toThrow("the replica did not respond");
});

test("a replica that accepts connections and says nothing cannot be opened", async () => {
  const server = createTcpServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close());
  await expect(Peer.open(optionsOf((server.address() as AddressInfo).port))).rejects.toThrow(
    "the replica did not respond",
  );
});

test("a replica that responds to pings may take its time", async () => {
  const peer = await openPeer((stream) => setTimeout(() => succeed(stream), 300));
  await expect(peer.forward(operations, 0)).resolves.toMatchObject({ outcomes: [] });
});

test("the outcome is unknown when a replica responds to pings alone", async () => {
  expect(await failureOf(await openPeer(() => {}, 2_000))).toBe("unknown");
});

const unknown: readonly (readonly [string, Respond])[] = [
  ["the connection ends", (stream) => stream.session?.destroy()],
  ["the stream is reset", (stream) => stream.close(2)],
  ["there is no status", (stream) => stream.respond({ ":status": 200 }, { endStream: true })],
  ["there is a proxy's error", (stream) => stream.respond({ ":status": 502 }, { endStream: true })],
  [
    "there is a status without a reason",
    (stream) => stream.respond({ "grpc-status": "7" }, { endStream: true }),
  ],
  ["the response is too long", (stream) => succeed(stream, new Uint8Array(5 * 1024 * 1024))],
  ["the response is not a message", (stream) => succeed(stream, Buffer.from([0xff, 0xff]))],
  [
    "the response is cut off",
    (stream) => {
      stream.respond({}, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.from([0, 0, 0, 0, 9, 1]));
    },
  ],
];

test.each(unknown)("the outcome is unknown when %s", async (_, respond) => {
  expect(await failureOf(await openPeer(respond))).toBe("unknown");
});

test("nothing was forwarded when the stream was refused", async () => {
  expect(await failureOf(await openPeer((stream) => stream.close(7)))).toBe("not forwarded");
});

test.each([
  ["RATE_LIMITED", "not forwarded"],
  ["OVERLOADED", "OVERLOADED"],
  ["INTERNAL", "unknown"],
])("a request that failed as a whole with %s was %s", async (reason, expected) => {
  expect(await failureOf(await openPeer((stream) => fail(stream, reason)))).toBe(expected);
});

test("a replica with too much to do can be opened, and another one that fails cannot", async () => {
  const peer = await openPeer(
    (stream) => succeed(stream),
    10_000,
    (stream) => fail(stream, "OVERLOADED"),
  );
  await expect(peer.forward(operations, 0)).resolves.toMatchObject({ outcomes: [] });
  const refusing = openPeer(
    (stream) => succeed(stream),
    10_000,
    (stream) => fail(stream, "RATE_LIMITED"),
  );
  await expect(refusing).rejects.toBeInstanceOf(NotForwardedError);
});

function fail(stream: ServerHttp2Stream, reason: string): void {
  const error = new ConnectError("", Code.ResourceExhausted, undefined, [
    { desc: ErrorInfoSchema, value: { reason, domain: "duetkv" } },
  ]);
  const trailers = new Headers();
  setTrailerStatus(trailers, error);
  stream.respond({ ":status": 200, ...Object.fromEntries(trailers) }, { endStream: true });
}

test("a replica that goes away takes no more requests, and ends those under way", async () => {
  const peer = await openPeer((stream) => {
    stream.session?.goaway();
    setTimeout(() => succeed(stream), 50);
  });
  await expect(peer.forward(operations, 0)).resolves.toMatchObject({ outcomes: [] });
  expect(peer.isUsable).toBe(false);
  expect(await failureOf(peer)).toBe("not forwarded");
});
