/** Our own HTTP/2 and nothing behind it: answers every call with the same message. Argument: the size of the value. */
import { type AddressInfo, createServer } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { GetResponseSchema } from "../../gen/duetkv/v1/key_value_pb.ts";
import { createHttp2Server } from "../../src/wire/http2/http2-server.ts";
import { ResponseHeaders } from "../../src/wire/http2/response-headers.ts";
import type { Stream } from "../../src/wire/http2/stream.ts";
import type { StreamHandler } from "../../src/wire/http2/stream-handler.ts";
import { frameMessage } from "../load/requests.ts";
import { sayReady } from "./handlers.ts";

const value = "x".repeat(Number(process.argv[2]));
const answer = frameMessage(
  toBinary(
    GetResponseSchema,
    create(GetResponseSchema, { revision: 1n, entry: { key: "key", value, revision: 1n } }),
  ),
);
const headers = ResponseHeaders.headers(200, { "content-type": "application/grpc" });
const trailers = ResponseHeaders.trailers({ "grpc-status": "0" });

class Call implements StreamHandler {
  readonly #stream: Stream;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  onData(_bytes: Buffer, start: number, end: number): void {
    this.#stream.consume(end - start);
  }

  onEnd(): void {
    this.#stream.respondWhole(headers, answer, 0, answer.length, trailers);
  }

  onAbort(): void {}
  onDrain(): void {}
}

const http2 = createHttp2Server({
  onStream: (stream) => {
    stream.handler = new Call(stream);
  },
  onError: (error) => console.error(error),
});
const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => void http2.accept(socket));
server.listen(0, "127.0.0.1", () => sayReady((server.address() as AddressInfo).port));
