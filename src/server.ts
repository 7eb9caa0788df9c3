import { readFile } from "node:fs/promises";
import type { DescService } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { KeyValueService } from "../gen/duetkv/v1/key_value_pb.ts";
import packageJson from "../package.json" with { type: "json" };
import { openAdminListener } from "./admin/admin-listener.ts";
import { createMetrics } from "./admin/metrics.ts";
import type { Configuration } from "./config/configuration.ts";
import { connectionsForDescriptors } from "./config/descriptors.ts";
import { readMemory } from "./config/memory.ts";
import type { Address } from "./config/values.ts";
import { openDatabase, type TransactionLogger } from "./database.ts";
import type { Logger } from "./logging.ts";
import { createServices } from "./service/services.ts";
import { isLoopback, openWire, type TlsFiles } from "./wire/wire.ts";

/** How long running calls may take to finish once the server stops. */
const drainMs = 7_000;

export interface Server {
  /** Where all protocols are served. */
  readonly address: Address;
  readonly adminAddress: Address;
  /** Resolves, with the reason, when this replica can no longer follow the log, and a new start helps. */
  readonly lost: Promise<unknown>;
  /** Ends watches, lets running calls finish, and closes the log. Nothing that was acknowledged is lost. */
  close(): Promise<void>;
}

/** Replays the log, then opens both ports; resolves when it is ready. Closes the logger when it rejects. */
export async function openServer(
  configuration: Configuration,
  logger: TransactionLogger,
  log: Logger,
): Promise<Server> {
  const { limits } = configuration;
  // What to close when a later step fails.
  await using opened = new AsyncDisposableStack();
  opened.defer(() => logger.close());
  const tls = await readTlsFiles(configuration);
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
      const isUnary = service.method[method]?.methodKind === "unary";
      const count = metrics.countCalls(labelOf(service, method), isUnary);
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
    address: configuration.listen,
    ...(tls && { tls }),
    services: services.registrations,
    limits,
    listenerLimits: {
      connectionsMax: configuration.connectionsMax ?? connectionsForDescriptors(),
      connectionsPerAddressMax: configuration.connectionsPerAddressMax ?? Number.POSITIVE_INFINITY,
      ageMs: configuration.connectionAgeMax ?? 0,
    },
    inflightBytesMax: configuration.inflightBytesMax ?? Math.floor(readMemory().processBytes / 8),
    log,
    ...(configuration.corsOrigin && { corsOrigins: configuration.corsOrigin }),
    allowedHosts: configuration.allowedHosts ?? (isLoopback(configuration.listen.host) ? new Set() : "*"),
    shutdownSignal: shutdown.signal,
    onCallFailed(method, reason) {
      const label = method === undefined ? "" : labelOf(method.service, method.spec.method.localName);
      metrics.failures.countError(label, reason);
    },
    onEnded: (reason) => metrics.failures.countConnectionEnded(reason),
  });

  opened.move();
  return {
    address: wire.address,
    adminAddress: admin.address,
    lost: database.lost,
    async close() {
      draining = true;
      // Load balancers hear that the server drains before anything else ends.
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

/** How metrics name a method: those of the key-value service by their name alone. */
function labelOf({ typeName }: DescService, method: string): string {
  return typeName === KeyValueService.typeName ? method : `${typeName}/${method}`;
}

async function readTlsFiles({ tlsCert, tlsKey, tlsClientCa }: Configuration): Promise<TlsFiles | undefined> {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  const [cert, key, clientCa] = await Promise.all([
    readFile(tlsCert, "utf8"),
    readFile(tlsKey, "utf8"),
    tlsClientCa === undefined ? undefined : readFile(tlsClientCa, "utf8"),
  ]);
  return { cert, key, ...(clientCa && { clientCa }) };
}
