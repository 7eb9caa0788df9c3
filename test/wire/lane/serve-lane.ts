import { onTestFinished } from "vitest";
import { defaultLimits, type Limits } from "../../../src/limits.ts";
import { type Listener, openListener } from "../../../src/wire/listener/listener.ts";
import type { ServiceRegistration } from "../../../src/wire/method-table.ts";
import { createWire } from "../../../src/wire/wire.ts";
import type { WireLog } from "../../../src/wire/wire-log.ts";

export interface LaneServer {
  readonly port: number;
  readonly listener: Listener;
  readonly shutdown: AbortController;
  /** Lines at level error, which no test expects unless it says so. */
  readonly errors: string[];
}

/** Opens the wire, with the direct lane or without it, until the test is over. */
export async function serveLane(
  service: ServiceRegistration,
  { lane = true, limits = {} }: { lane?: boolean; limits?: Partial<Limits> } = {},
): Promise<LaneServer> {
  const shutdown = new AbortController();
  const errors: string[] = [];
  const log: WireLog = { debug() {}, warn() {}, error: (_fields, message) => errors.push(message) };
  const wire = createWire({
    services: [service],
    limits: { ...defaultLimits, ...limits },
    log,
    shutdownSignal: shutdown.signal,
    fastPath: lane,
  });
  const listener = await openListener({
    address: { host: "127.0.0.1", port: 0 },
    handle: (exchange) => wire.handle(exchange),
    handleStream: (stream) => wire.handleStream(stream),
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
