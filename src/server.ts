import type { DescMethod } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import packageJson from "../package.json" with { type: "json" };
import { openAdminListener } from "./admin/admin-listener.ts";
import { createMetrics } from "./admin/metrics.ts";
import type { Configuration } from "./config/configuration.ts";
import type { Address } from "./config/values.ts";
import { openDatabase, type TransactionLogger } from "./database.ts";
import type { Logger } from "./logging.ts";
import { createServices } from "./service/services.ts";
import { openWire } from "./wire/wire.ts";
import { configureWire } from "./wire-configuration.ts";

/** How long running calls may take to finish once the server stops. */
const drainMs = 7_000;

export interface Server {
  /** Where all protocols are served. */
  readonly address: Address;
  readonly adminAddress: Address;
  /** Resolves with the reason when this replica cannot follow the log any longer and must be restarted. */
  readonly lost: Promise<unknown>;
  /** Ends watches, lets running calls finish, and closes the log. Every acknowledged write is kept. */
  close(): Promise<void>;
}

/** Replays the log, then opens both ports; resolves when it is ready. Closes the logger when it rejects. */
export async function openServer(
  configuration: Configuration,
  logger: TransactionLogger,
  log: Logger,
): Promise<Server> {
  const { limits } = configuration;
  // Closed when a later step fails.
  await using opened = new AsyncDisposableStack();
  opened.defer(() => logger.close());
  const wireConfiguration = await configureWire(configuration);
  const database = await openDatabase({ logger, limits, log });
  opened.defer(() => database.close());
  const metrics = createMetrics(() => database.status());
  opened.defer(() => metrics.close());
  let draining = false;
  const unready = () => {
    if (draining) return "draining";
    const { fault, difference } = database.status();
    return fault?.message ?? difference;
  };
  const services = createServices({
    database,
    limits,
    version: packageJson.version,
    rates: () => metrics.rates(),
    unready,
    observe(service, method) {
      const count = metrics.countCalls(service.method[method] as DescMethod);
      return (milliseconds, code, error) => {
        count(milliseconds, code);
        if (code === Code.Internal) log.error({ err: error, method }, "call failed unexpectedly");
      };
    },
  });
  const shutdown = new AbortController();
  const admin = await openAdminListener({
    address: configuration.adminListen,
    metrics,
    state: () => database.status(),
    log,
    unready,
  });
  opened.defer(() => admin.close());
  const wire = await openWire({
    ...wireConfiguration,
    services: services.registrations,
    log,
    shutdownSignal: shutdown.signal,
    onCallFailed: (method, reason) => metrics.countError(method?.spec.method, reason),
    onEnded: (reason) => metrics.countConnectionEnded(reason),
  });

  opened.move();
  return {
    address: wire.address,
    adminAddress: admin.address,
    lost: database.lost,
    async close() {
      draining = true;
      // Health checks report the drain before anything else ends, so that load balancers send no more calls.
      services.drain();
      database.drain();
      await wire.drain(drainMs);
      shutdown.abort();
      await database.close();
      await admin.close();
      metrics.close();
    },
  };
}
