import { once } from "node:events";
import * as http2 from "node:http2";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { expect, onTestFinished, test } from "vitest";
import { Health } from "../../gen/health/v1/health_pb.ts";
import { ask, reasonOf, serve } from "./serve.ts";

const unknown = [
  ["/no.such.Service/Get", "unknown service no.such.Service"],
  ["/duetkv.v1.KeyValueService/Nothing", "service duetkv.v1.KeyValueService has no method Nothing"],
] as const;

test.each(unknown)("gRPC to %s is trailers-only, with status 12 and a message", async (path, message) => {
  const { port } = await serve();
  const session = http2.connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
  stream.end(Buffer.alloc(5));
  const [headers, flags] = (await once(stream, "response")) as [http2.IncomingHttpHeaders, number];
  expect(headers).toMatchObject({
    ":status": 200,
    "content-type": "application/grpc",
    "grpc-status": "12",
    "grpc-message": message,
    "grpc-status-details-bin": expect.any(String),
  });
  expect(flags & http2.constants.NGHTTP2_FLAG_END_STREAM).not.toBe(0);
});

test.each(unknown)("Connect to %s is 404 with a reason", async (path, message) => {
  const { port } = await serve();
  for (const type of ["application/json", "application/proto", "application/connect+json"]) {
    const response = await ask(port, "POST", path, { headers: { "content-type": type }, body: "{}" });
    if (type === "application/json" && path.startsWith("/no.")) {
      expect([response.status, reasonOf(response)]).toEqual([404, "NO_SUCH_ROUTE"]);
    } else {
      expect([response.status, reasonOf(response), JSON.parse(response.body).message]).toEqual([
        404,
        "NO_SUCH_METHOD",
        message,
      ]);
    }
  }
});

test.each([
  ["gRPC", createGrpcTransport],
  ["gRPC-Web", createGrpcWebTransport],
  ["Connect", createConnectTransport],
])("a client of %s reads unimplemented for a service that is not served", async (_name, createTransport) => {
  const { port } = await serve();
  const client = createClient(
    Health,
    createTransport({ baseUrl: `http://127.0.0.1:${port}`, httpVersion: "2" }),
  );
  const error = await client.check({}).catch((thrown: unknown) => ConnectError.from(thrown));
  expect(error).toMatchObject({
    code: Code.Unimplemented,
    rawMessage: "unknown service grpc.health.v1.Health",
  });
});
