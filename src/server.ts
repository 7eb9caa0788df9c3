import { readFile } from "node:fs/promises";
import type { DescService } from "@bufbuild/protobuf";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import type { Logger } from "pino";
import { KeyValueService } from "../gen/duetkv/v1/key_value_pb.ts";
import { ServerReflection } from "../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { Health } from "../gen/health/v1/health_pb.ts";
import { openAdminListener } from "./admin/admin-listener.ts";
import { createMetrics } from "./admin/metrics.ts";
import { Applier } from "./committer/applier.ts";
import { createClock, createSharedClock } from "./committer/background/clock.ts";
import { Compactor } from "./committer/background/compactor.ts";
import { Expirer } from "./committer/background/expirer.ts";
import { Committer } from "./committer/committer.ts";
import { ReadBarrier } from "./committer/read-barrier.ts";
import type { Configuration } from "./config/configuration.ts";
import type { Address } from "./config/values.ts";
import { DuetError } from "./errors.ts";
import { openReplayedStore } from "./replayed-store.ts";
import { createHealthService } from "./service/health.ts";
import { type CallObserver, intercept } from "./service/intercept.ts";
import { createKeyValueService } from "./service/key-value-service.ts";
import { createReflectionService } from "./service/reflection.ts";
import { hashState } from "./store/state-hash.ts";
import type { Transaction, TransactionLogger } from "./transaction-log/transaction-logger.ts";
import { isLoopback } from "./wire/allowed-hosts.ts";
import { openListener } from "./wire/listener.ts";
import { registerService } from "./wire/method-table.ts";
import type { TlsFiles } from "./wire/servers.ts";
import { createWire } from "./wire/wire.ts";

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

/** Replays the log, then opens both ports; resolves when it is ready. The caller closes the logger if it rejects. */
export async function openServer(
  configuration: Configuration,
  logger: TransactionLogger,
  log: Logger,
): Promise<Server> {
  const { limits } = configuration;
  const tls = await readTlsFiles(configuration);
  const { store, hub, gate, onApplied, replayedBytes } = await openReplayedStore(logger, limits, log);

  const clock = logger.clock ? createSharedClock(logger.clock) : createClock(store.time);
  const compactor = new Compactor(
    {
      store,
      logger,
      bytesMin: limits.compactionBytesMin,
      onError: (error) => log.warn({ err: error }, "compaction failed; it will be tried again"),
    },
    replayedBytes,
  );
  if (logger.shared) compactor.start();
  const onRun = (transactions: readonly Transaction[]) => compactor.onRun(transactions);
  const applier = new Applier({ store, logger, onApplied, onRun });
  const committer = new Committer({ store, logger, limits, clock, applier });
  const following = new AbortController();
  let followsLog = true;
  const lost = Promise.withResolvers<unknown>();
  const followed = applier.follow(following.signal).catch((error: unknown) => {
    followsLog = false;
    log.error({ err: error }, "this replica cannot follow the log any longer");
    if (!isSecondHistory(error)) return lost.resolve(error);
    // What the database has lost may be nowhere but here, so the process stays; but nobody shall wait for what never comes.
    hub.close(error);
    gate.close();
  });
  const barrier = new ReadBarrier({ store, logger, gate });
  const expirer = new Expirer({
    store,
    committer,
    clock,
    trusted: () => logger.clock?.agrees ?? true,
    onError: (error) => log.debug({ err: error }, "expired entries are not deleted yet"),
  });

  let draining = false;
  const metrics = createMetrics({
    store,
    watchers: () => hub.watchers,
    queueBytes: () => committer.queueBytes,
    logWritable: () => logger.fault === undefined,
  });
  const observe =
    (service: DescService) =>
    (method: string): CallObserver => {
      const count = metrics.countCalls(labelOf(service, method));
      return (milliseconds, code, error) => {
        count(milliseconds, code);
        if (code === Code.Internal) log.error({ err: error, method }, "call failed unexpectedly");
      };
    };
  const reads = () => followsLog;
  const health = createHealthService({
    services: new Map([
      ["", reads],
      [KeyValueService.typeName, reads],
      ["writable", () => reads() && logger.fault === undefined],
    ]),
  });
  const reflected: readonly DescService[] = [
    KeyValueService,
    Health,
    ServerReflection,
    ServerReflectionAlpha,
  ];
  const reflection = createReflectionService(reflected);
  const keyValue = createKeyValueService({ store, committer, hub, gate, barrier, limits });
  function serve<Service extends DescService>(service: Service, implementation: ServiceImpl<Service>) {
    return registerService(service, intercept(service, implementation, observe(service)));
  }
  const services = [
    serve(KeyValueService, keyValue),
    serve(Health, health.implementation),
    serve(ServerReflection, reflection.v1),
    serve(ServerReflectionAlpha, reflection.v1alpha),
  ];
  const shutdown = new AbortController();
  const wire = createWire({
    services,
    limits,
    log,
    ...(configuration.corsOrigin && { corsOrigins: configuration.corsOrigin }),
    allowedHosts: configuration.allowedHosts ?? (isLoopback(configuration.listen.host) ? new Set() : "*"),
    shutdownSignal: shutdown.signal,
    onCallFailed(method, reason) {
      const label = method === undefined ? "" : labelOf(method.service, method.spec.method.localName);
      metrics.failures.countError(label, reason);
    },
  });
  const admin = await openAdminListener({
    address: configuration.adminListen,
    metrics,
    hashState: () => hashState(store),
    log,
    unready: () => (draining ? "draining" : logger.fault?.message),
  });
  const listener = await openListener({
    address: configuration.listen,
    ...(tls && { tls }),
    handle: (request, response) => wire.handle(request, response),
    handleStream: (stream, headers) => wire.handleStream(stream, headers),
    log,
    onConnectionEnded: (reason) => metrics.failures.countConnectionEnded(reason),
  });

  return {
    address: listener.address,
    adminAddress: admin.address,
    lost: lost.promise,
    async close() {
      draining = true;
      // Load balancers hear that the server drains before anything else ends.
      health.drain();
      health.close();
      hub.close();
      gate.close();
      await listener.drain(drainMs);
      shutdown.abort();
      expirer.close();
      compactor.close();
      await committer.close();
      following.abort();
      // Following may be waiting for a database that does not answer; closing the log ends that.
      await Promise.all([followed, logger.close()]);
      await admin.close();
    },
  };
}

/** How metrics name a method: those of the key-value service by their name alone. */
function labelOf({ typeName }: DescService, method: string): string {
  return typeName === KeyValueService.typeName ? method : `${typeName}/${method}`;
}

function isSecondHistory(error: unknown): error is DuetError {
  return error instanceof DuetError && error.reason === "DATABASE_WENT_BACK_IN_TIME";
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
