import packageJson from "../package.json" with { type: "json" };
import { createAdminPages } from "./admin/admin-pages.ts";
import { createMetrics } from "./admin/metrics.ts";
import { Readiness } from "./admin/readiness.ts";
import type { Configuration } from "./config/configuration.ts";
import { type Address, addressToText } from "./config/values.ts";
import { readConsoleFiles } from "./console-files.ts";
import { type DatabaseStatus, openDatabase, type TransactionLogger } from "./database.ts";
import type { Logger } from "./logging.ts";
import { advertisedAddress, authenticateAll, configureReplication } from "./replication-configuration.ts";
import { configureSecurity } from "./security-configuration.ts";
import { createHealth, createServices } from "./service/services.ts";
import { CallLog } from "./telemetry/call-log.ts";
import { EngineSpans } from "./telemetry/engine-spans.ts";
import { createObserve } from "./telemetry/observe-calls.ts";
import type { OtelConfiguration } from "./telemetry/otel-configuration.ts";
import { RequestSpans } from "./telemetry/request-spans.ts";
import type { Span } from "./telemetry/span.ts";
import { SpanExporter } from "./telemetry/span-exporter.ts";
import { Tracer } from "./telemetry/tracer.ts";
import { openTlsSource } from "./tls-source.ts";
import { openWire } from "./wire/wire.ts";
import { configureAdminWire, configureWire } from "./wire-configuration.ts";

/** How long running calls may take to finish after the server began to stop, in milliseconds. */
const drainMs = 7_000;

export interface Server {
  /** The address of the port for all protocols. */
  readonly address: Address;
  readonly adminAddress: Address;
  /** Resolves with the cause when this replica cannot follow the log and must be restarted. */
  readonly lost: Promise<unknown>;
  /** Makes every probe report that the server is about to stop. Calls and connections are still taken. */
  leave(): void;
  /** Reads the TLS files and the policy again. Resolves also when they are refused. */
  reload(): Promise<void>;
  /** Leaves, ends watches, lets running calls finish, and closes the log. Every acknowledged write is kept. */
  close(): Promise<void>;
}

/**
 * Opens the admin port, then the log, replays it, and opens the port of the service; resolves when that is ready. Leaves
 * nothing open when it rejects.
 */
export async function openServer(
  configuration: Configuration,
  openLogger: () => Promise<TransactionLogger>,
  log: Logger,
  writeLine: (line: string) => boolean = (line) => {
    process.stdout.write(line);
    return true;
  },
  otel?: OtelConfiguration,
): Promise<Server> {
  const { limits } = configuration;
  // Closed in reverse order when a later step fails.
  await using opened = new AsyncDisposableStack();
  const tls = await openTlsSource(configuration, log);
  if (tls !== undefined) opened.defer(() => tls.close());
  const security = await configureSecurity(configuration, log, writeLine);
  if (security !== undefined) opened.defer(() => security.close());
  const readiness = new Readiness();
  const metrics = createMetrics({ readiness, version: packageJson.version, log: configuration.log.type });
  opened.defer(() => metrics.close());
  if (tls !== undefined) metrics.showTls(tls);
  if (security !== undefined) metrics.showSecurity(security.metrics);
  const exporter = otel === undefined ? undefined : new SpanExporter(otel, log);
  if (exporter !== undefined) opened.defer(() => exporter.close());
  const exportSpan = exporter && ((span: Span) => exporter.add(span));
  metrics.showSpans(exporter?.counts ?? { exported: 0, dropped: 0 });
  const observe = createObserve({
    countCalls: (method) => metrics.countCalls(method),
    tracer: otel && exportSpan && new Tracer(otel.sampler, exportSpan),
    callLog: new CallLog({
      log,
      accessLog: configuration.accessLog === "on",
      slowMs: configuration.slowCallLog,
    }),
    log,
  });
  const health = createHealth(readiness, observe);
  const shutdown = new AbortController();
  let state: (() => DatabaseStatus) | undefined;
  const admin = await openWire({
    ...configureAdminWire(configuration),
    services: [health.registration],
    pages: createAdminPages({ metrics, readiness, state: () => state?.(), log }),
    log,
    shutdownSignal: shutdown.signal,
    onEnded: (reason) => metrics.countConnectionEnded(reason),
  });
  opened.defer(() => admin.drain(0));
  log.info({ admin: addressToText(admin.address) }, "admin port open");

  const logger = await openLogger();
  opened.defer(() => logger.close());
  // Only shown as progress: what is wrong with the log is reported by the replay.
  logger.latestSequence().then(
    (sequence) => readiness.replayEndsAt(sequence),
    (error: unknown) => log.debug({ err: error }, "end of the log unknown"),
  );
  const database = await openDatabase({
    logger,
    limits,
    log,
    onReplayed: (revision) => readiness.replaying(revision),
    quotas: security?.quotas ?? [],
    tracer: exportSpan && new EngineSpans(exportSpan),
  });
  opened.defer(() => database.close());
  // The policy may have changed during the replay.
  security?.onQuotas((quotas) => database.setQuotas(quotas));
  const status = () => database.status();
  state = status;
  metrics.showDatabase(database, limits.storeBytesMax);
  const requestSpans = exportSpan && new RequestSpans(exportSpan);
  const replication = await configureReplication(configuration, database, tls, log, requestSpans);
  if (replication !== undefined) {
    opened.defer(() => replication.close());
    metrics.showForwarding(replication.counts);
  }
  const consoleFiles = configuration.console === "on" ? await readConsoleFiles() : undefined;
  if (configuration.console === "on" && consoleFiles === undefined) {
    log.warn({ command: "npm run prepare" }, "web console is not built; it is not served");
  }
  const wire = await openWire({
    ...configureWire(configuration),
    ...(tls && { tls: tls.files }),
    services: createServices({
      database,
      limits,
      version: packageJson.version,
      rates: () => metrics.rates(),
      unready: () => readiness.writesFault(),
      certificates: tls && (() => tls.expiries),
      health,
      observe,
      protect: security?.protect,
      forwarding: replication?.service,
    }),
    authenticate: authenticateAll(security, replication),
    console: consoleFiles,
    log,
    shutdownSignal: shutdown.signal,
    onCallFailed: (method, reason) => metrics.countError(method?.spec.method, reason),
    onEnded: (reason) => metrics.countConnectionEnded(reason),
  });
  metrics.showTraffic(() => wire.traffic);
  replication?.start(advertisedAddress(configuration, wire.address));
  tls?.onChange((files) => wire.setTls(files));
  readiness.open(status);

  opened.move();
  function leave(): void {
    readiness.drain();
    health.drain();
    replication?.leave();
  }
  return {
    address: wire.address,
    adminAddress: admin.address,
    lost: database.lost,
    leave,
    async reload() {
      await Promise.all([tls?.reload(), security?.reload()]);
    },
    async close() {
      // Health checks report the drain before anything else ends, so that load balancers send no more calls.
      leave();
      health.close();
      database.drain();
      await wire.drain(drainMs);
      shutdown.abort();
      replication?.close();
      await database.close();
      await admin.drain(0);
      tls?.close();
      await security?.close();
      await exporter?.close();
      metrics.close();
    },
  };
}
