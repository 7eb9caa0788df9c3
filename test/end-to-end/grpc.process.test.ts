import { createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { createGrpcWebTransport as createBrowserGrpcWebTransport } from "@connectrpc/connect-web";
import { credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll } from "vitest";
import { createConnectClient } from "../support/connect-client.ts";
import { createGrpcJsClient } from "../support/grpc-js-client.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { keyValueSuite } from "./key-value-suite.ts";

let server: ServerProcess;
beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:", "--revision-wait-ms", "100"]);
});
afterAll(() => server.stop());

const baseUrl = () => `http://${server.address}`;

keyValueSuite("gRPC of Connect", () => createConnectClient(createGrpcTransport({ baseUrl: baseUrl() })));
keyValueSuite("gRPC of grpc-js", () => createGrpcJsClient(server.address, credentials.createInsecure()));
keyValueSuite("gRPC-Web of browsers", () =>
  createConnectClient(createBrowserGrpcWebTransport({ baseUrl: baseUrl() })),
);
for (const httpVersion of ["1.1", "2"] as const) {
  keyValueSuite(`gRPC-Web on HTTP ${httpVersion}`, () =>
    createConnectClient(createGrpcWebTransport({ baseUrl: baseUrl(), httpVersion })),
  );
}
