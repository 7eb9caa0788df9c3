import { createServer, type ServerOptions, ServerResponse } from "node:http";
import * as http2 from "node:http2";
import type { Server, Socket } from "node:net";
import { http2Options } from "./http2-settings.ts";
import { peekPreface } from "./preface.ts";
import type { PingTimes } from "./session-ping.ts";

/** The bounds on how long a peer may take and how much it may say before a request stands. Times are milliseconds. */
export interface ListenerLimits {
  /** Until the first bytes tell the protocol; also for the TLS handshake. */
  readonly prefaceMs: number;
  readonly headersMs: number;
  readonly requestMs: number;
  readonly keepAliveMs: number;
  /** Request line and headers. A key of 1,024 bytes is over 3 KiB when every byte is percent-encoded. */
  readonly headerBytesMax: number;
  readonly ping: PingTimes;
}

export interface TlsFiles {
  /** PEM contents. */
  readonly key: string;
  readonly cert: string;
  /** PEM contents. When given, clients must present a certificate that it has signed. */
  readonly clientCa?: string;
}

/** The servers behind one port. `requests` and `streams` are the emitters of Node's `request` and `stream` events. */
export interface Servers {
  readonly port: Server;
  readonly requests: readonly (Server | http2.Http2Server)[];
  readonly http2: http2.Http2Server | http2.Http2SecureServer;
  closeIdleConnections(): void;
}

/** The one place that every HTTP/1.1 answer passes, whoever writes it: while draining it also ends the connection. */
function closingServerResponse(isDraining: () => boolean): typeof ServerResponse {
  class ClosingServerResponse extends ServerResponse {
    override writeHead(...head: unknown[]): this {
      if (isDraining()) this.shouldKeepAlive = false;
      return super.writeHead(...(head as Parameters<ServerResponse["writeHead"]>));
    }
  }
  return ClosingServerResponse as typeof ServerResponse;
}

function http1Options(limits: ListenerLimits, isDraining: () => boolean) {
  return {
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: 2000,
    maxHeaderSize: limits.headerBytesMax,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    ServerResponse: closingServerResponse(isDraining),
  } satisfies ServerOptions;
}

/**
 * HTTP/1.1 and h2c. An http.Server owns the port, since one that is only fed by emit('connection') enforces no
 * headersTimeout; connections that begin with the preface of HTTP/2 are handed on.
 */
export function createCleartextServers(limits: ListenerLimits, isDraining: () => boolean): Servers {
  const http1Server = createServer(http1Options(limits, isDraining));
  const http2Server = http2.createServer(http2Options);
  const http1Listeners = http1Server.listeners("connection");
  http1Server.removeAllListeners("connection");
  http1Server.on("connection", (socket: Socket) => {
    peekPreface(socket, limits.prefaceMs, (protocol) => {
      if (protocol === "h2") {
        // An http.Server leaves its side open after FIN, and a session of HTTP/2 would never close it.
        socket.allowHalfOpen = false;
        http2Server.emit("connection", socket);
      } else {
        for (const listener of http1Listeners) listener.call(http1Server, socket);
      }
    });
  });
  return {
    port: http1Server,
    requests: [http1Server, http2Server],
    http2: http2Server,
    closeIdleConnections: () => http1Server.closeIdleConnections(),
  };
}

/** HTTP/1.1 and HTTP/2 over TLS; ALPN says which. Throws when key, certificate and CA are not what they should be. */
export function createTlsServers(tls: TlsFiles, limits: ListenerLimits, isDraining: () => boolean): Servers {
  const { ServerResponse: Http1ServerResponse, ...http1 } = http1Options(limits, isDraining);
  const server = http2.createSecureServer({
    ...http2Options,
    ...http1,
    Http1ServerResponse,
    allowHTTP1: true,
    key: tls.key,
    cert: tls.cert,
    minVersion: "TLSv1.2",
    handshakeTimeout: limits.prefaceMs,
    ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true }),
  });
  return {
    port: server,
    requests: [server],
    http2: server,
    closeIdleConnections: () =>
      (server as unknown as { closeIdleConnections(): void }).closeIdleConnections(),
  };
}
