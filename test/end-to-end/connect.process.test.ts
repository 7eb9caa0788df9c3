import { createConnectTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll } from "vitest";
import { createConnectClient } from "../support/connect-client.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { keyValueSuite } from "./key-value-suite.ts";

let server: ServerProcess;
beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:", "--revision-wait-ms", "100"]);
});
afterAll(() => server.stop());

const baseUrl = () => `http://${server.address}`;

for (const httpVersion of ["1.1", "2"] as const) {
  for (const useBinaryFormat of [false, true]) {
    keyValueSuite(`Connect ${useBinaryFormat ? "binary" : "JSON"} on HTTP ${httpVersion}`, () =>
      createConnectClient(createConnectTransport({ baseUrl: baseUrl(), httpVersion, useBinaryFormat })),
    );
  }
}
keyValueSuite("Connect with GET", () =>
  createConnectClient(createConnectTransport({ baseUrl: baseUrl(), httpVersion: "1.1", useHttpGet: true })),
);
