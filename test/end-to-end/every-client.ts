import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { credentials } from "@grpc/grpc-js";
import { createConnectClient } from "../support/connect-client.ts";
import { createGrpcJsClient } from "../support/grpc-js-client.ts";
import { CallFailure, type KeyValueClient } from "../support/key-value-client.ts";
import { createRestClient } from "../support/rest-client.ts";

export const protocols = ["gRPC by Connect", "gRPC by grpc-js", "REST"] as const;

export type Protocol = (typeof protocols)[number];

/** A client with a connection of its own to HOST:PORT. */
export function openClient(protocol: Protocol, address: string): KeyValueClient {
  const baseUrl = `http://${address}`;
  switch (protocol) {
    case "gRPC by Connect": {
      const sessionManager = new Http2SessionManager(baseUrl);
      return createConnectClient(createGrpcTransport({ baseUrl, sessionManager }), () =>
        sessionManager.abort(),
      );
    }
    case "gRPC by grpc-js":
      return createGrpcJsClient(address, credentials.createInsecure());
    case "REST":
      return createRestClient(baseUrl, "json");
  }
}

/** Calls `use` with one client of each protocol, and closes them. */
export async function withClients<T>(
  address: string,
  use: (clients: readonly KeyValueClient[]) => Promise<T>,
): Promise<T> {
  const clients = protocols.map((protocol) => openClient(protocol, address));
  try {
    return await use(clients);
  } finally {
    for (const client of clients) client.close();
  }
}

/** The server said no, so that the write has not happened. Anything else leaves open whether it has. */
export function wasRefused(error: unknown): boolean {
  return error instanceof CallFailure && error.reason !== "" && error.reason !== "OUTCOME_UNKNOWN";
}
