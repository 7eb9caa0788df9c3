import type { Socket } from "node:net";
import { ByteBudget } from "./byte-budget.ts";
import type { Clock } from "./clock.ts";
import { Connection } from "./connection.ts";
import type { EndReason } from "./end-reasons.ts";
import { defaultHttp2Limits, type Http2Limits } from "./limits.ts";
import type { Stream } from "./stream.ts";

export interface Http2ServerOptions {
  /**
   * Called with each request once its headers are complete. Sets `stream.handler`, or responds at once. What it throws is
   * reported, and resets the stream.
   */
  readonly onStream: (stream: Stream) => void;
  readonly limits?: Partial<Http2Limits>;
  /** Bytes held for all connections together. Default: no bound but those of the connections. */
  readonly budget?: ByteBudget;
  /** A header whose value may differ in otherwise equal requests, such as a deadline; see `Stream.varying`. In lower case. */
  readonly varyingHeader?: string;
  /** Called for each connection and each stream that ends before its time. */
  readonly onEnd?: (reason: EndReason) => void;
  /** Called with what a handler threw, and with faults of this server. */
  readonly onError: (error: unknown) => void;
}

export interface Http2Server {
  /** Serves HTTP/2 on a socket of `net` or `tls`. `head` was read from it before. */
  accept(socket: Socket, head?: Buffer): Connection;
  readonly connections: ReadonlySet<Connection>;
  /**
   * Tells all clients that no more streams are taken, lets open ones finish, and resolves when all connections are closed;
   * those that are not after `graceMs` are destroyed. Connections accepted meanwhile are drained, too.
   */
  drain(graceMs: number): Promise<void>;
}

const sweepMsMin = 10;
/** Times are late by up to this, once when they begin and once when they end. */
export const sweepMsMax = 1000;

/** Creates a server of our own HTTP/2 (RFC 9113). It does not listen: the owner of the port hands it sockets. */
export function createHttp2Server(options: Http2ServerOptions): Http2Server {
  const limits = { ...defaultHttp2Limits, ...options.limits };
  const clock: Clock = { now: performance.now() };
  const connections = new Set<Connection>();
  const connectionOptions = {
    limits,
    clock,
    budget: options.budget ?? new ByteBudget(Number.POSITIVE_INFINITY),
    varyingHeader: options.varyingHeader,
    onStream: options.onStream,
    onEnd: options.onEnd ?? (() => {}),
    onError: options.onError,
  };
  let sweeping: NodeJS.Timeout | undefined;
  let closeBy: number | undefined;
  let whenEmpty: (() => void)[] = [];

  function sweep(): void {
    clock.now = performance.now();
    for (const connection of connections) connection.sweep(clock.now);
  }

  function onClosed(connection: Connection): void {
    connections.delete(connection);
    if (connections.size > 0) return;
    clearInterval(sweeping);
    sweeping = undefined;
    for (const resolve of whenEmpty) resolve();
    whenEmpty = [];
  }

  return {
    connections,
    accept(socket, head) {
      if (sweeping === undefined) {
        // After the sockets were read: when the event loop was held up, what has arrived meanwhile counts.
        sweeping = setInterval(() => setImmediate(sweep), sweepMs(limits)).unref();
        clock.now = performance.now();
      }
      const connection = new Connection(socket, connectionOptions);
      connections.add(connection);
      socket.setNoDelay(true);
      socket.once("close", () => onClosed(connection));
      connection.begin(head);
      // Closed before it came here: its event is over.
      if (socket.closed) onClosed(connection);
      if (closeBy !== undefined) connection.drain(Math.max(0, closeBy - performance.now()));
      return connection;
    },
    async drain(graceMs) {
      clock.now = performance.now();
      closeBy ??= clock.now + graceMs;
      for (const connection of connections) connection.drain(graceMs);
      if (connections.size === 0) return;
      // A sweep sees that time is up; it comes too late for a short grace.
      const timer = setTimeout(() => {
        for (const connection of connections) connection.destroy("drain_timeout");
      }, graceMs);
      await new Promise<void>((resolve) => whenEmpty.push(resolve));
      clearTimeout(timer);
    },
  };
}

/** Often enough for the shortest of the times. */
function sweepMs(limits: Http2Limits): number {
  const times = Object.entries(limits).filter(([name, value]) => name.endsWith("Ms") && value > 0);
  const shortest = Math.min(...times.filter(([name]) => name !== "turnMs").map(([, value]) => value));
  return Math.min(Math.max(shortest / 4, sweepMsMin), sweepMsMax);
}
