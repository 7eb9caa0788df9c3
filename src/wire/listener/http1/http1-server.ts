import { createServer, type Server, type ServerOptions, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import type { ListenerLimits } from "../limits.ts";
import { type TlsFiles, toSecureContextOptions } from "../tls-files.ts";

/** Every HTTP/1.1 response passes through here: the last one also ends the connection. */
function closingServerResponse(isLast: (socket: Socket) => boolean): typeof ServerResponse {
  class ClosingServerResponse extends ServerResponse {
    override writeHead(...head: unknown[]): this {
      if (isLast(this.req.socket)) this.shouldKeepAlive = false;
      return super.writeHead(...(head as Parameters<ServerResponse["writeHead"]>));
    }
  }
  return ClosingServerResponse as typeof ServerResponse;
}

/**
 * Node's HTTP/1.1 server, which owns the port. `takeSocket` sees every connection first, once TLS is established, and calls
 * `serveHttp1` for those that speak HTTP/1.1. A response on a socket for which `isLast` is true closes the connection.
 */
export function createHttp1Server(
  limits: ListenerLimits,
  tls: TlsFiles | undefined,
  isLast: (socket: Socket) => boolean,
  takeSocket: (socket: Socket, serveHttp1: () => void) => void,
): Server {
  const options = {
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: 2000,
    maxHeaderSize: limits.headerBytesMax,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: limits.vanishedMs,
    ServerResponse: closingServerResponse(isLast),
  } satisfies ServerOptions;
  const server =
    tls === undefined ? createServer(options) : createTlsServer({ ...options, ...toTlsOptions(tls, limits) });
  // Node documents that sockets can be given to a server by emitting its "connection" event ("Event: 'connection'" of
  // http.Server), which calls these listeners of its own. A second server that is only fed like that would not do: Node
  // starts the checks of headersTimeout and requestTimeout (connectionsCheckingInterval) when a server listens. One that
  // does gets every connection that it accepts through the same event, before anybody knows which protocol it speaks. So
  // its listeners wait here, and are called as the event would call them.
  const event = tls === undefined ? "connection" : "secureConnection";
  const listeners = server.listeners(event);
  server.removeAllListeners(event);
  server.on(event, (socket: Socket) => {
    takeSocket(socket, () => {
      for (const listener of listeners) listener.call(server, socket);
    });
  });
  return server;
}

function toTlsOptions(tls: TlsFiles, limits: ListenerLimits) {
  const { clientCa, clientCertOptional = false } = tls;
  return {
    ...toSecureContextOptions(tls),
    handshakeTimeout: limits.prefaceMs,
    ALPNProtocols: ["h2", "http/1.1"],
    ...(clientCa !== undefined && { requestCert: true, rejectUnauthorized: !clientCertOptional }),
  };
}
