import type { Socket } from "node:net";
import { findUnacknowledged } from "../unacknowledged.ts";
import { Http1Connection, type Http1ConnectionOptions } from "./http1-connection.ts";

const sweepMsMax = 1000;
const sweepsPerLimit = 4;
/** Between two looks at the kernel's table of connections, which may be long. */
const vanishedSweepsMsMax = 5000;

/** The open connections of HTTP/1.1, and the one timer that looks at their times. */
export class Http1Connections {
  readonly #options: Http1ConnectionOptions;
  readonly #connections = new Map<Socket, Http1Connection>();
  readonly #sweepMs: number;
  #sweeping: NodeJS.Timeout | undefined = undefined;
  #unacknowledgedAt = 0;
  /** Connections whose peer has not acknowledged what was sent, and since when. */
  #unacknowledged = new Map<Socket, number>();

  constructor(options: Http1ConnectionOptions) {
    this.#options = options;
    const { stallMs, vanishedMs, ageMs } = options.limits;
    const shortest = Math.min(stallMs, vanishedMs, ageMs > 0 ? ageMs : Number.POSITIVE_INFINITY);
    this.#sweepMs = Math.min(shortest / sweepsPerLimit, sweepMsMax);
  }

  /** Takes a connection until it closes. */
  add(socket: Socket): void {
    this.#connections.set(socket, new Http1Connection(socket, this.#options, performance.now()));
    socket.once("close", () => {
      this.#connections.delete(socket);
      if (this.#connections.size > 0) return;
      clearInterval(this.#sweeping);
      this.#sweeping = undefined;
    });
    // After the sockets were read: when the event loop was held up, what has arrived meanwhile counts.
    this.#sweeping ??= setInterval(() => setImmediate(() => this.#sweep()), this.#sweepMs).unref();
  }

  get size(): number {
    return this.#connections.size;
  }

  find(socket: Socket): Http1Connection | undefined {
    return this.#connections.get(socket);
  }

  #sweep(): void {
    const now = performance.now();
    for (const connection of this.#connections.values()) connection.sweep(now);
    const { vanishedMs } = this.#options.limits;
    if (now - this.#unacknowledgedAt < Math.min(vanishedMs / sweepsPerLimit, vanishedSweepsMsMax)) return;
    this.#unacknowledgedAt = now;
    const candidates = [...this.#connections.values()].filter(({ isResponding }) => isResponding);
    if (candidates.length > 0) void this.#endVanished(candidates);
  }

  async #endVanished(candidates: readonly Http1Connection[]): Promise<void> {
    const sockets = await findUnacknowledged(candidates.map(({ socket }) => socket));
    const now = performance.now();
    const since = new Map<Socket, number>();
    for (const socket of sockets) since.set(socket, this.#unacknowledged.get(socket) ?? now);
    this.#unacknowledged = since;
    for (const [socket, start] of since) {
      if (now - start >= this.#options.limits.vanishedMs) this.find(socket)?.end("peer_vanished");
    }
  }
}
