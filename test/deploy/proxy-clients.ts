import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { text } from "node:stream/consumers";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { credentials } from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import { GrpcSession } from "../../clients/typescript/src/grpc-session.ts";
import { createConnectClient } from "../support/connect-client.ts";
import { createGrpcJsClient } from "../support/grpc-js-client.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";

/** Reads and writes text through a proxy. A call rejects when its response is anything but a success. */
export interface ProxyClient {
  readonly name: string;
  put(key: string, value: string, requestId: Uint8Array): Promise<void>;
  get(key: string): Promise<string>;
}

/** Clients of a proxy that takes TLS on that port of 127.0.0.1, each with connections of its own, until the test is over. */
export function connectThroughProxy(port: number): readonly ProxyClient[] {
  const baseUrl = `https://127.0.0.1:${port}`;
  const sessionManager = new GrpcSession(baseUrl, {}, { rejectUnauthorized: false });
  const connect = createConnectClient(createGrpcTransport({ baseUrl, sessionManager }), () =>
    sessionManager.abort(),
  );
  const insecure = credentials.createSsl(null, null, null, { rejectUnauthorized: false });
  const grpcJs = createGrpcJsClient(`127.0.0.1:${port}`, insecure);
  return [
    overGrpc("connect-node over gRPC", connect),
    overGrpc("grpc-js", grpcJs),
    overRest("REST over HTTP/1.1", port),
  ];
}

function overGrpc(name: string, client: KeyValueClient): ProxyClient {
  onTestFinished(() => client.close());
  return {
    name,
    async put(key, value, requestId) {
      await client.put({ key, value, requestId });
    },
    get: async (key) => (await client.get({ key })).entry?.value ?? "",
  };
}

function overRest(name: string, port: number): ProxyClient {
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  onTestFinished(() => agent.destroy());
  async function send(method: string, key: string, headers = {}, body = ""): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const options = { host: "127.0.0.1", port, method, path: `/v1/key/${key}`, headers, agent };
    request(options, resolve).on("error", reject).end(body);
    const response = await promise;
    const content = await text(response);
    if ((response.statusCode ?? 0) >= 300) throw new Error(`${response.statusCode} ${content}`);
    return content;
  }
  return {
    name,
    async put(key, value, requestId) {
      await send("PUT", key, { "idempotency-key": toUuid(requestId) }, value);
    },
    get: (key) => send("GET", key),
  };
}

/** A request id as the header Idempotency-Key has it. */
export function toUuid(id: Uint8Array): string {
  const hex = Buffer.from(id).toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
