import { onTestFinished } from "vitest";
import { defaultLimits, type Limits } from "../../../src/limits.ts";
import { type Listener, openListener } from "../../../src/wire/listener/listener.ts";
import type { ServiceRegistration } from "../../../src/wire/method-table.ts";
import { createRouter } from "../../../src/wire/router.ts";
import type { WireLog } from "../../../src/wire/wire-log.ts";

export interface ServiceServer {
  readonly port: number;
  readonly listener: Listener;
  readonly shutdown: AbortController;
  /** Lines at level error, which no test expects unless it says so. */
  readonly errors: string[];
}

/** Opens the wire, with its fast paths or without them, until the test is over. */
export async function serveService(
  service: ServiceRegistration,
  { fastPath = true, limits = {} }: { fastPath?: boolean; limits?: Partial<Limits> } = {},
): Promise<ServiceServer> {
  const shutdown = new AbortController();
  const errors: string[] = [];
  const log: WireLog = { debug() {}, warn() {}, error: (_fields, message) => errors.push(message) };
  const router = createRouter({
    services: [service],
    limits: { ...defaultLimits, ...limits },
    log,
    shutdownSignal: shutdown.signal,
    fastPath,
  });
  const listener = await openListener({
    address: { host: "127.0.0.1", port: 0 },
    handle: (exchange) => router.handle(exchange),
    handleStream: (stream) => router.handleStream(stream),
    log,
  });
  onTestFinished(() => listener.drain(0));
  return { port: listener.address.port, listener, shutdown, errors };
}

/** Collects what nobody caught; Node ends a process for it. */
export function watchForEscapes(): unknown[] {
  const escaped: unknown[] = [];
  const catchIt = (error: unknown): void => void escaped.push(error);
  process.on("uncaughtException", catchIt);
  process.on("unhandledRejection", catchIt);
  onTestFinished(() => {
    process.off("uncaughtException", catchIt);
    process.off("unhandledRejection", catchIt);
  });
  return escaped;
}
