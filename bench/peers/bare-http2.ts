/** node:http2 and nothing behind it: answers every call with the same message. Argument: the size of the value. */
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { GetResponseSchema } from "../../gen/duetkv/v1/key_value_pb.ts";
import { frameMessage } from "../load/requests.ts";
import { sayReady } from "./handlers.ts";

const value = "x".repeat(Number(process.argv[2]));
const answer = frameMessage(
  toBinary(
    GetResponseSchema,
    create(GetResponseSchema, { revision: 1n, entry: { key: "key", value, revision: 1n } }),
  ),
);
const head = { ":status": 200, "content-type": "application/grpc" };
const trailers = { "grpc-status": "0" };
const server = createServer({ settings: { maxConcurrentStreams: 4096 } });
server.on("stream", (stream) => {
  stream.on("data", () => {});
  stream.on("end", () => {
    if (stream.destroyed) return;
    stream.respond(head, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end(answer);
  });
  stream.on("error", () => {});
});
server.listen(0, "127.0.0.1", () => sayReady((server.address() as AddressInfo).port));
