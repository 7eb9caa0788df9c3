import { once } from "node:events";
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { gatherRequests } from "./gathered-requests.ts";
import { type HttpRequest, type HttpResponse, isGone } from "./http-exchange.ts";
import { widenSession } from "./http2-settings.ts";
import { createCleartextServers, createTlsServers, type ListenerLimits, type TlsFiles } from "./servers.ts";
import { pingSession } from "./session-ping.ts";
import { replaceStreamTable } from "./stream-table.ts";
import type { WireLog } from "./wire-log.ts";

export interface ListenerOptions {
  /** Port 0 picks a free one. */
  readonly address: { readonly host: string; readonly port: number };
  readonly tls?: TlsFiles;
  /** Answers a request. What it throws is logged and answered with 500. */
  readonly handle: (request: HttpRequest, response: HttpResponse) => void;
  /**
   * Sees every HTTP/2 stream first. True: it answers the stream. False: it has consumed nothing, and `handle` gets the
   * stream as a request.
   */
  readonly handleStream?: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean;
  readonly limits?: Partial<ListenerLimits>;
  readonly log: WireLog;
  /** Told of each connection that the listener ends, with the reason in snake case. */
  readonly onConnectionEnded?: (reason: string) => void;
}

export interface Listener {
  /** Where it really listens. */
  readonly address: { readonly host: string; readonly port: number };
  /**
   * Stops accepting, closes idle connections at once and lets running calls finish, telling peers that no more are
   * taken. Resolves when all connections are closed; those that still are not after `graceMs` are destroyed.
   */
  drain(graceMs: number): Promise<void>;
}

const defaultLimits: ListenerLimits = {
  prefaceMs: 10_000,
  headersMs: 15_000,
  requestMs: 300_000,
  // Longer than the idle time of common proxies, so that they close first and never send into a closing connection.
  keepAliveMs: 75_000,
  headerBytesMax: 32 * 1024,
  ping: { intervalMs: 30_000, timeoutMs: 20_000 },
};

const drainPollMs = 20;

/** Opens one port for HTTP/1.1 and HTTP/2. Resolves when it accepts connections; rejects when it cannot listen. */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const { handle, handleStream, log } = options;
  const limits = { ...defaultLimits, ...options.limits };
  let draining = false;
  const isDraining = (): boolean => draining;
  const servers =
    options.tls === undefined
      ? createCleartextServers(limits, isDraining)
      : createTlsServers(options.tls, limits, isDraining);
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();

  /**
   * The one way into our code from the network: what a callback throws is logged and counted, and ends the connection
   * that it came by, not the process.
   */
  function guard<Args extends unknown[]>(
    callback: (...args: Args) => void,
    connectionOf: (...args: Args) => { destroy(): unknown } | undefined,
  ): (...args: Args) => void {
    return (...args) => {
      try {
        callback(...args);
      } catch (error) {
        log.error({ err: error }, "connection callback threw; connection closed");
        options.onConnectionEnded?.("callback_threw");
        connectionOf(...args)?.destroy();
      }
    };
  }

  function onRequest(request: HttpRequest, response: HttpResponse): void {
    try {
      handle(request, response);
    } catch (error) {
      log.error({ err: error }, "request handler threw");
      if (!response.headersSent) response.writeHead(500);
      response.end();
    }
  }

  const guardSession = (callback: (session: ServerHttp2Session) => void) =>
    guard(callback, (session) => session);

  servers.port.prependListener("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  servers.http2.on(
    "session",
    guardSession((session) => {
      sessions.add(session);
      replaceStreamTable(session);
      session.once("close", () => sessions.delete(session));
      if (draining) session.close();
      else widenSession(session);
      pingSession(session, limits.ping);
    }),
  );
  const gatherRequest = gatherRequests(guard(onRequest, connectionOfRequest));
  for (const server of servers.requests) {
    const onRequestEvent = (request: HttpRequest, response: HttpResponse): void => {
      if (request.httpVersionMajor === 1) gatherRequest(request, response);
      else onRequest(request, response);
    };
    const onCheckContinue = (request: HttpRequest, response: HttpResponse): void => {
      onRequest(request, response);
      // A request that its headers alone refuse has its response by now. A stream can be reset in the same segment.
      if (!response.headersSent && !isGone(response)) response.writeContinue();
    };
    server.on("request", guard(onRequestEvent, connectionOfRequest));
    server.on("checkContinue", guard(onCheckContinue, connectionOfRequest));
  }
  servers.http2.on("sessionError", (error) => log.debug({ err: error }, "HTTP/2 session failed"));
  if (handleStream !== undefined) {
    // Node's own listener, which makes requests of streams, came with the first listener for requests.
    const requestMakers = servers.http2.listeners("stream");
    servers.http2.removeAllListeners("stream");
    servers.http2.on(
      "stream",
      guard(
        (stream, headers, ...rest) => {
          if (handleStream(stream, headers)) return;
          for (const makeRequest of requestMakers) makeRequest.call(servers.http2, stream, headers, ...rest);
        },
        (stream) => stream.session,
      ),
    );
  }

  servers.port.listen(options.address.port, options.address.host);
  await once(servers.port, "listening");
  servers.port.on("error", (error) => log.error({ err: error }, "listener failed"));
  const { address, port } = servers.port.address() as AddressInfo;

  return {
    address: { host: address, port },
    async drain(graceMs) {
      if (draining) return;
      draining = true;
      const closed = once(servers.port, "close");
      servers.port.close();
      for (const session of sessions) session.close();
      // Connections that have said nothing yet have no call to wait for.
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
      const idle = setInterval(() => servers.closeIdleConnections(), drainPollMs);
      const grace = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      await closed;
      clearInterval(idle);
      clearTimeout(grace);
    },
  };
}

function connectionOfRequest(request: HttpRequest): Socket | ServerHttp2Session | undefined {
  return "stream" in request ? (request.stream.session as ServerHttp2Session | undefined) : request.socket;
}
