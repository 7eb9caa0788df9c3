import { afterAll, beforeAll } from "vitest";
import { createRestClient } from "../support/rest-client.ts";
import { closeIdleConnections } from "../support/rest-request.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { keyValueSuite } from "./key-value-suite.ts";

let server: ServerProcess;
beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:", "--revision-wait-ms", "100"]);
});
afterAll(async () => {
  closeIdleConnections();
  await server.stop();
});

const baseUrl = () => `http://${server.address}`;

keyValueSuite("REST with JSON", () => createRestClient(baseUrl(), "json"));
keyValueSuite("REST with raw values", () => createRestClient(baseUrl(), "raw"));
