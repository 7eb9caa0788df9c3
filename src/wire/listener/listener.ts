import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type AddressInfo, Server as NetServer, type Socket } from "node:net";
import type { TLSSocket, Server as TlsServer } from "node:tls";
import type { Exchange } from "../call/exchange.ts";
import { ByteBudget } from "../http2/byte-budget.ts";
import { createHttp2Server } from "../http2/http2-server.ts";
import type { Stream } from "../http2/stream.ts";
import type { WireLog } from "../wire-log.ts";
import { hasOneHost } from "./authority.ts";
import { gatherRequests } from "./http1/gathered-requests.ts";
import type { HandleRequest, Http1EndReason } from "./http1/http1-connection.ts";
import { Http1Connections } from "./http1/http1-connections.ts";
import { Http1Exchange } from "./http1/http1-exchange.ts";
import { createHttp1Server } from "./http1/http1-server.ts";
import { varyingHeader } from "./http2-exchange.ts";
import { defaultListenerLimits, type ListenerLimits } from "./limits.ts";
import { OpenConnections } from "./open-connections.ts";
import { peekPreface } from "./preface.ts";
import { type TlsFiles, toSecureContextOptions } from "./tls-files.ts";

export interface ListenerOptions {
  /** Port 0 picks a free one. */
  readonly address: { readonly host: string; readonly port: number };
  readonly tls?: TlsFiles;
  /** Responds to a request of HTTP/1.1. What it throws is logged and answered with 500. */
  readonly handle: (exchange: Exchange) => void;
  /** Responds to a request of HTTP/2. What it throws is logged and resets the stream. */
  readonly handleStream: (stream: Stream) => void;
  readonly limits?: Partial<ListenerLimits>;
  /** Bytes of requests and responses under way, of all connections. Default: no bound but those of each. */
  readonly budget?: ByteBudget;
  readonly log: WireLog;
  /** Told of each connection and each HTTP/2 stream that ends before its time, with the reason in snake case. */
  readonly onEnded?: (reason: string) => void;
}

interface Traffic {
  readonly connections: Readonly<Record<"http/1.1" | "h2", number>>;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

export interface Listener {
  /** Where it really listens. */
  readonly address: { readonly host: string; readonly port: number };
  /** Open connections. */
  readonly connections: number;
  /** Open connections by protocol, and the bytes of all since the start. */
  readonly traffic: Traffic;
  /**
   * Uses these files for handshakes from now on; open connections keep theirs. Throws when they do not belong together, and
   * then goes on with the old ones. A port that was opened without TLS, or without a client CA, stays so.
   */
  setTls(files: TlsFiles): void;
  /**
   * Stops accepting, closes idle connections at once and lets running calls finish, telling clients that no more are
   * taken. Resolves when all connections are closed; those that still are not after `graceMs` are destroyed.
   */
  drain(graceMs: number): Promise<void>;
}

const drainPollMs = 20;
/** When a drain begins, a request may be on the way: idle HTTP/1.1 connections stay open for so long. */
const lastRequestMs = 2000;

/** Opens one port for HTTP/1.1 and HTTP/2. Resolves when it accepts connections; rejects when it cannot listen. */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const { handle, tls, log } = options;
  const limits = { ...defaultListenerLimits, ...options.limits };
  const onEnded = options.onEnded ?? (() => {});
  const open = new OpenConnections(limits.connectionsMax, limits.connectionsPerAddressMax);
  let draining = false;

  /** The one catcher of what HTTP/1.1 and the port call: it costs a connection at most, never the process. */
  function guard(socket: Socket, callback: () => void): void {
    try {
      callback();
    } catch (error) {
      log.error({ err: error }, "connection callback threw; connection closed");
      onEnded("callback_threw");
      socket.destroy();
    }
  }

  const budget = options.budget ?? new ByteBudget(Number.POSITIVE_INFINITY);
  const { prefaceMs, headerBytesMax, stallMs, connectionBytesMax, ageMs, ageGraceMs, endingMs } = limits;
  const shared = {
    prefaceMs,
    headerListBytesMax: headerBytesMax,
    stallMs,
    connectionBytesMax,
    ageMs,
    ageGraceMs,
    endingMs,
  };
  const http2 = createHttp2Server({
    onStream: options.handleStream,
    limits: { ...shared, ...limits.http2 },
    varyingHeader,
    budget,
    onEnd: onEnded,
    onError(error) {
      log.error({ err: error }, "HTTP/2 callback threw; stream reset");
      onEnded("callback_threw");
    },
  });
  const http1 = new Http1Connections({ limits, budget, onEnd: onEnded });

  function takeSocket(socket: Socket, serveHttp1: () => void): void {
    const serve = (protocol: "http/1.1" | "h2"): void =>
      guard(socket, () => {
        if (protocol === "h2") {
          http2.accept(socket);
        } else {
          http1.add(socket);
          serveHttp1();
        }
      });
    if (tls !== undefined) {
      if (hasBadCertificate(socket as TLSSocket)) {
        onEnded("client_certificate_refused");
        socket.destroy();
      } else serve((socket as TLSSocket).alpnProtocol === "h2" ? "h2" : "http/1.1");
    } else peekPreface(socket, limits.prefaceMs, serve, () => onEnded("preface_timeout"));
  }

  const isLast = (socket: Socket): boolean => draining || http1.find(socket)?.isOld === true;
  const server = createHttp1Server(limits, tls, isLast, takeSocket);
  server.prependListener("connection", (socket: Socket) => {
    if (open.add(socket)) return;
    onEnded("too_many_connections");
    socket.destroy();
  });

  function handleHttp1(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    guard(socket, () => {
      const connection = http1.find(socket);
      if (connection === undefined) return;
      try {
        if (hasOneHost(request.rawHeaders)) handle(new Http1Exchange(request, response, connection));
        else connection.end("malformed_request", response);
      } catch (error) {
        log.error({ err: error }, "request handler threw");
        if (!response.headersSent) response.writeHead(500);
        response.end();
      }
    });
  }

  function begin(request: IncomingMessage, response: ServerResponse, handleIt: HandleRequest): void {
    http1.find(request.socket)?.begin(request, response, handleIt);
  }

  const gather = gatherRequests(handleHttp1);
  function serveRequest(request: IncomingMessage, response: ServerResponse): void {
    begin(request, response, gather);
  }
  server.on("request", serveRequest);
  // The router refuses it. Node alone would respond with 417, and nobody would count it.
  server.on("checkExpectation", serveRequest);
  server.on("checkContinue", (expecting: IncomingMessage, refusable: ServerResponse) => {
    begin(expecting, refusable, (request, response) => {
      handleHttp1(request, response);
      // A request that its headers alone refuse has its response by now, and its body need not come.
      guard(request.socket, () => {
        if (!response.headersSent && !response.closed) response.writeContinue();
      });
    });
  });
  // Only keepAliveTimeout sets a time on the socket. With a listener, closing it is the listener's.
  server.on("timeout", (socket) => {
    guard(socket, () => {
      http1.find(socket)?.end("idle");
      socket.destroy();
    });
  });
  // What Node refuses by itself, or gives up.
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    guard(socket, () => {
      const connection = http1.find(socket);
      if (error.code === "ERR_HTTP_REQUEST_TIMEOUT" && connection?.isReceiving === false) {
        connection.headersExpired();
        return;
      }
      const reason = reasonOf(error);
      if (reason !== undefined) connection?.end(reason);
      socket.destroy();
    });
  });
  // Node closes these sockets.
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    const reason = reasonOfHandshake(error, socket);
    if (reason !== undefined) onEnded(reason);
  });

  server.listen(options.address.port, options.address.host);
  await once(server, "listening");
  server.on("error", (error) => log.error({ err: error }, "listener failed"));
  const { address, port } = server.address() as AddressInfo;

  return {
    address: { host: address, port },
    get connections() {
      return open.size;
    },
    get traffic() {
      const { received, sent } = open.bytes;
      const connections = { "http/1.1": http1.size, h2: http2.connections.size };
      return { connections, receivedBytes: received, sentBytes: sent };
    },
    setTls(files) {
      if (tls !== undefined) (server as unknown as TlsServer).setSecureContext(toSecureContextOptions(files));
    },
    async drain(graceMs) {
      if (draining) return;
      draining = true;
      const closed = once(server, "close");
      // Node's http server would also close idle connections at once, on which a request may be on the way.
      NetServer.prototype.close.call(server);
      const idle = setTimeout(
        () => {
          open.destroySilent();
          polling = setInterval(() => server.closeIdleConnections(), drainPollMs);
        },
        Math.min(lastRequestMs, graceMs),
      );
      let polling: NodeJS.Timeout | undefined;
      const grace = setTimeout(() => open.destroyAll(), graceMs);
      await Promise.all([closed, http2.drain(graceMs)]);
      // Ends Node's timer, too.
      server.close();
      clearTimeout(idle);
      clearInterval(polling);
      clearTimeout(grace);
    },
  };
}

/** Where a certificate is optional, Node leaves it to us to refuse one that is not valid. */
function hasBadCertificate(socket: TLSSocket): boolean {
  return !socket.authorized && socket.getPeerX509Certificate() !== undefined;
}

/** What an error of Node's HTTP/1.1 server stands for; undefined when the client has just gone. */
function reasonOf({ code }: NodeJS.ErrnoException): Http1EndReason | undefined {
  if (code === "HPE_HEADER_OVERFLOW") return "header_list_too_large";
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return "body_timeout";
  if (code === "ETIMEDOUT") return "peer_vanished";
  return code?.startsWith("HPE_") === true && code !== "HPE_INVALID_EOF_STATE"
    ? "malformed_request"
    : undefined;
}

/** Why a TLS handshake ended; undefined when the client has just gone. */
function reasonOfHandshake({ code }: NodeJS.ErrnoException, socket: TLSSocket): string | undefined {
  if (code === "ERR_TLS_HANDSHAKE_TIMEOUT") return "tls_handshake_timeout";
  // A certificate that is refused also ends with ECONNRESET.
  if (code === "ECONNRESET" && !socket.authorizationError) return undefined;
  return "tls_handshake_failed";
}
