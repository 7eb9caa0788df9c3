// The server under test of the Connect conformance suite: says on stdout where it listens, as stdin asks, and serves
// until it is told to stop. `--without-fast-path` sends every call through Connect's own pipeline.
import { once } from "node:events";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { defaultLimits } from "../../src/limits.ts";
import { openListener } from "../../src/wire/listener/listener.ts";
import { registerService } from "../../src/wire/method-table.ts";
import { createRouter } from "../../src/wire/router.ts";
import type { WireLog } from "../../src/wire/wire-log.ts";
import {
  ServerCompatRequestSchema,
  ServerCompatResponseSchema,
} from "./gen/connectrpc/conformance/v1/server_compat_pb.ts";
import { ConformanceService } from "./gen/connectrpc/conformance/v1/service_pb.ts";
import { conformanceService } from "./service.ts";

const log: WireLog = {
  debug() {},
  warn: (fields, message) => console.error(message, fields),
  error: (fields, message) => console.error(message, fields),
};

const asked = fromBinary(ServerCompatRequestSchema, await readSized());
const text = new TextDecoder();
const tls =
  asked.serverCreds === undefined || !asked.useTls
    ? undefined
    : {
        cert: text.decode(asked.serverCreds.cert),
        key: text.decode(asked.serverCreds.key),
        ...(asked.clientTlsCert.length === 0 ? {} : { clientCa: text.decode(asked.clientTlsCert) }),
      };

const router = createRouter({
  services: [registerService(ConformanceService, conformanceService)],
  limits: { ...defaultLimits, requestBytesMax: asked.messageReceiveLimit || defaultLimits.requestBytesMax },
  log,
  shutdownSignal: new AbortController().signal,
  fastPath: !process.argv.includes("--without-fast-path"),
});
const listener = await openListener({
  address: { host: "127.0.0.1", port: 0 },
  handle: (exchange) => router.handle(exchange),
  handleStream: (stream) => router.handleStream(stream),
  log,
  ...(tls === undefined ? {} : { tls }),
});

const { host, port } = listener.address;
const pemCert = tls === undefined ? new Uint8Array() : new TextEncoder().encode(tls.cert);
writeSized(toBinary(ServerCompatResponseSchema, create(ServerCompatResponseSchema, { host, port, pemCert })));
await once(process, "SIGTERM");
await listener.drain(1000);
process.exit();

/** Four bytes of length, big-endian, and a message. */
async function readSized(): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, chunk]);
    if (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE(0)) break;
  }
  return bytes.subarray(4);
}

function writeSized(message: Uint8Array): void {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  process.stdout.write(Buffer.concat([length, message]));
}
