import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { createGrpcWebTransport as createBrowserGrpcWebTransport } from "@connectrpc/connect-web";
import { credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll } from "vitest";
import { createConnectClient } from "../support/connect-client.ts";
import { createGrpcJsClient } from "../support/grpc-js-client.ts";
import { createRestClient } from "../support/rest-client.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { keyValueSuite } from "./key-value-suite.ts";

let server: ServerProcess;
beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:", "--revision-wait-ms", "100"]);
});
afterAll(() => server.stop());

const baseUrl = () => `http://${server.address}`;

keyValueSuite("gRPC of Connect", () => createConnectClient(createGrpcTransport({ baseUrl: baseUrl() })));
keyValueSuite("gRPC-Web of browsers", () =>
  createConnectClient(createBrowserGrpcWebTransport({ baseUrl: baseUrl() })),
);
keyValueSuite("gRPC of grpc-js", () => createGrpcJsClient(server.address, credentials.createInsecure()));
for (const httpVersion of ["1.1", "2"] as const) {
  const options = () => ({ baseUrl: baseUrl(), httpVersion });
  keyValueSuite(`gRPC-Web on HTTP ${httpVersion}`, () =>
    createConnectClient(createGrpcWebTransport(options())),
  );
  keyValueSuite(`Connect JSON on HTTP ${httpVersion}`, () =>
    createConnectClient(createConnectTransport({ ...options(), useBinaryFormat: false })),
  );
  keyValueSuite(`Connect binary on HTTP ${httpVersion}`, () =>
    createConnectClient(createConnectTransport({ ...options(), useBinaryFormat: true })),
  );
}
keyValueSuite("Connect with GET", () =>
  createConnectClient(createConnectTransport({ baseUrl: baseUrl(), httpVersion: "1.1", useHttpGet: true })),
);
keyValueSuite("REST with JSON", () => createRestClient(baseUrl(), "json"));
keyValueSuite("REST with raw values", () => createRestClient(baseUrl(), "raw"));
