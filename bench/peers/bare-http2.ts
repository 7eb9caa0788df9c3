/**
 * node:http2 and nothing behind it: answers every call with the same message. Arguments: the size of the value; for TLS a file
 * with a certificate and one with its key; for client certificates a file with their CA.
 */
import { readFileSync } from "node:fs";
import { createSecureServer, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { GetResponseSchema } from "../../gen/duetkv/v1/key_value_pb.ts";
import { frameMessage } from "../load/requests.ts";
import { sayReady } from "./handlers.ts";

const [valueBytes, ...files] = process.argv.slice(2);
const [cert, key, ca] = files.map((file) => readFileSync(file));
const value = "x".repeat(Number(valueBytes));
const answer = frameMessage(
  toBinary(
    GetResponseSchema,
    create(GetResponseSchema, { revision: 1n, entry: { key: "key", value, revision: 1n } }),
  ),
);
const head = { ":status": 200, "content-type": "application/grpc" };
const trailers = { "grpc-status": "0" };
const settings = { maxConcurrentStreams: 4096 };
const clientTls = ca === undefined ? {} : { ca, requestCert: true };
const server =
  cert === undefined || key === undefined
    ? createServer({ settings })
    : createSecureServer({ settings, cert, key, ...clientTls });
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
