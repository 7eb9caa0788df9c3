import type { Exchange } from "./call/exchange.ts";

const introduction = `Duet KV, a key-value store.

  PUT, GET, DELETE /v1/key/KEY    store, read, remove a value:
                                  curl -X PUT -d hello http://HOST/v1/key/greeting
  GET /v1/key?prefix=PREFIX       list keys and values
  GET /v1/key:watch?prefix=PREFIX changes as they happen (Server-Sent Events)
  GET /v1/openapi.json            all of REST, described by OpenAPI
`;

const consoleLine = `  /console/                       the web console
`;

const rpc = `
gRPC, gRPC-Web and Connect: the service duetkv.v1.KeyValueService, on this port.
`;

/** Lists the API for a person who opens the root of the port. */
export function sendIndexPage(exchange: Exchange, hasConsole: boolean): void {
  const text = introduction + (hasConsole ? consoleLine : "") + rpc;
  exchange.respond(200, { "content-type": "text/plain; charset=utf-8" }, text);
}
