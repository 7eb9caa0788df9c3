import { ByteBudget } from "./http2/byte-budget.ts";
import type { ListenerLimits } from "./listener/limits.ts";
import { type Listener, openListener } from "./listener/listener.ts";
import { type TlsFiles, toSecureContextOptions } from "./listener/tls-files.ts";
import { createBinaryCodec } from "./protobuf/binary-codec.ts";
import type { MessageCodec } from "./protobuf/codecs.ts";
import { createRouter, type RouterOptions } from "./router.ts";

export { isLoopback } from "./allowed-hosts.ts";
export { type TlsFiles, toSecureContextOptions };

/** The codec of messages to other servers. It limits no lists. */
export const messageCodec: MessageCodec = createBinaryCodec(new Map());

export interface WireOptions extends RouterOptions {
  /** Port 0 picks a free one. */
  readonly address: { readonly host: string; readonly port: number };
  readonly tls?: TlsFiles;
  readonly listenerLimits: Partial<ListenerLimits>;
  /** Bytes that requests and responses under way may hold, on all connections together. */
  readonly inflightBytesMax: number;
  /** Told of each connection and each stream that ends before its time, with the reason in snake case. */
  readonly onEnded: (reason: string) => void;
}

/** Serves the services in every protocol on one port. Resolves when it accepts connections; rejects when it cannot listen. */
export async function openWire(options: WireOptions): Promise<Listener> {
  const budget = new ByteBudget(options.inflightBytesMax);
  const router = createRouter(options);
  return openListener({
    address: options.address,
    ...(options.tls && { tls: options.tls }),
    handle: (exchange) => router.handle(exchange),
    handleStream: (stream) => router.handleStream(stream),
    limits: { connectionBytesMax: connectionBytes(options.inflightBytesMax), ...options.listenerLimits },
    budget,
    log: options.log,
    onEnded: options.onEnded,
  });
}

const MiB = 1024 * 1024;

/**
 * One connection must not hold all of it: the others would be refused. The least takes a compressed request, its content and
 * a response, each of 4 MiB.
 */
function connectionBytes(inflightBytesMax: number): number {
  return Math.min(64 * MiB, Math.max(16 * MiB, Math.floor(inflightBytesMax / 4)));
}
