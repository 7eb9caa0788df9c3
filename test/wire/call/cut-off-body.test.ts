import { once } from "node:events";
import { constants } from "node:http2";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { create, toBinary } from "@bufbuild/protobuf";
import { expect, onTestFinished, test } from "vitest";
import { KeyValueService, PutRequestSchema } from "../../../gen/duetkv/v1/key_value_pb.ts";
import { registerService } from "../../../src/wire/method-table.ts";
import { serveService } from "./serve-service.ts";

const [dataFrame, headersFrame, resetFrame, settingsFrame] = [0, 1, 3, 4];
const [endStream, endHeaders] = [1, 4];

/** Frames are written by hand: Node's client ends a body before it resets the stream. */
function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function encodeHeaders(headers: Readonly<Record<string, string>>): Buffer {
  const fields = Object.entries({ ":scheme": "http", ":authority": "x", ...headers });
  const literals = fields.map(([name, value]) =>
    Buffer.concat([
      Buffer.of(0, name.length),
      Buffer.from(name),
      Buffer.of(value.length),
      Buffer.from(value),
    ]),
  );
  return Buffer.concat(literals);
}

async function openConnection(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1").resume();
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  socket.write(frame(settingsFrame, 0, 0, Buffer.alloc(0)));
  return socket;
}

const path = "/duetkv.v1.KeyValueService/Put";
const message = toBinary(PutRequestSchema, create(PutRequestSchema, { key: "k", value: "whole" }));
const grpcBody = Buffer.concat([Buffer.of(0, 0, 0, 0, message.length), message]);
const requests = {
  gRPC: { head: { ":method": "POST", ":path": path, "content-type": "application/grpc" }, body: grpcBody },
  Connect: { head: { ":method": "POST", ":path": path, "content-type": "application/proto" }, body: message },
  REST: {
    head: { ":method": "PUT", ":path": "/v1/key/k", "content-type": "text/plain" },
    body: Buffer.from("half of it"),
  },
} as const;

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR } = constants;

test.each(Object.keys(requests) as (keyof typeof requests)[])(
  "a body over %s is not taken for whole when its stream is reset",
  async (protocol) => {
    const values: (string | undefined)[] = [];
    const service = registerService(KeyValueService, {
      put({ value }) {
        values.push(value);
        return {};
      },
    });
    const { port, errors } = await serveService(service);
    const socket = await openConnection(port);
    const { head, body } = requests[protocol];
    let stream = 1;
    for (const code of [NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR]) {
      for (const atOnce of [true, false]) {
        const reset = Buffer.alloc(4);
        reset.writeUInt32BE(code);
        socket.write(frame(headersFrame, endHeaders, stream, encodeHeaders(head)));
        socket.write(frame(dataFrame, 0, stream, body));
        if (!atOnce) await delay(10);
        socket.write(frame(resetFrame, 0, stream, reset));
        stream += 2;
      }
    }
    // What came before on the same connection has been seen by the time that this is.
    socket.write(frame(headersFrame, endHeaders, stream, encodeHeaders(head)));
    socket.write(frame(dataFrame, endStream, stream, body));
    await expect.poll(() => values.length).toBeGreaterThan(0);
    await delay(50);
    expect(values).toHaveLength(1);
    expect(errors).toEqual([]);
  },
);
