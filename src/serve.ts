import { setTimeout } from "node:timers/promises";
import packageJson from "../package.json" with { type: "json" };
import { describeCommands } from "./cli/help.ts";
import { type Configuration, createConfiguration } from "./config/configuration.ts";
import { unknownVariables } from "./config/environment.ts";
import { describeFlags, parseFlags } from "./config/flags.ts";
import { type Address, addressToText } from "./config/values.ts";
import { describeFailure } from "./failure.ts";
import { createLog, type Logger } from "./logging.ts";
import { openServer, type Server } from "./server.ts";
import { readOtelConfiguration } from "./telemetry/otel-configuration.ts";
import { openFileTransactionLogger } from "./transaction-log/file/file-transaction-logger.ts";
import { MemoryTransactionLogger } from "./transaction-log/memory/memory-transaction-logger.ts";
import type { TransactionLogger } from "./transaction-log/transaction-logger.ts";
import { isLoopback } from "./wire/allowed-hosts.ts";

const usage = `duetkv: a key-value store with gRPC and REST

  duetkv [--NAME VALUE …]            run the server
  duetkv --version | --help
${describeCommands()}

Help for a command: duetkv help COMMAND, or duetkv COMMAND --help.

Settings of the server, with defaults in parentheses. Each is an environment variable, too: DUETKV_LOG_LEVEL for
--log-level. A flag takes precedence.
A SIZE is a number of bytes, or has a unit: 64MiB.

${describeFlags()}
`;

/** A shutdown that takes longer than this ends at once, in milliseconds. */
const stopMs = 10_000;

/**
 * Serves until a signal arrives, or prints the output of --help or --version. Resolves with the exit code. An error
 * is described on stderr and gives exit code 1.
 */
export async function runService(args: readonly string[]): Promise<number> {
  try {
    const { help, version, values } = parseFlags(args);
    if (help) console.log(usage);
    else if (version) console.log(packageJson.version);
    else return await serve(createConfiguration(values, process.env));
    return 0;
  } catch (error) {
    console.error(describeFailure(error));
    return 1;
  }
}

async function serve(configuration: Configuration): Promise<number> {
  const { log, hint, writeLine, close, abandon } = createLog(configuration.logLevel);
  let running: Server | undefined;
  // By default SIGHUP ends the process without draining, and SIGUSR1 makes Node open a debugger port.
  process.on("SIGUSR1", (signal) => log.info({ signal }, "signal ignored"));
  process.on("SIGHUP", (signal) => {
    log.info({ signal }, "reading files again");
    void running?.reload();
  });
  warnOfExposure(configuration, log);
  for (const unknown of unknownVariables(process.env))
    log.warn(unknown, "unknown environment variable ignored");
  try {
    const stopping = new AbortController();
    const server = await openServer(
      configuration,
      () => openLogger(configuration, log, stopping.signal),
      log,
      writeLine,
      readOtelConfiguration(process.env, packageJson.version),
    );
    running = server;
    const { address, adminAddress } = server;
    // Handle signals before the server is reported as ready: the reader of that line may send one at once.
    const firstSignal = nextSignal();
    log.info(
      { listen: addressToText(address), admin: addressToText(adminAddress), version: packageJson.version },
      "ready",
    );
    if (configuration.tlsClientCa === undefined) hint(`try: ${exampleCommand(configuration, address)}`);
    const signal = await Promise.race([firstSignal, server.lost.then(throwLost)]);
    // Registered before the line below is seen, which may prompt a second signal.
    const giveUp = () => {
      abandon();
      process.exit(1);
    };
    void nextSignal().then(giveUp);
    const { drainDelay } = configuration;
    log.info({ signal, drainDelayMs: drainDelay }, "stopping");
    server.leave();
    await setTimeout(drainDelay);
    globalThis.setTimeout(giveUp, stopMs).unref();
    stopping.abort();
    await server.close();
    log.info("stopped");
    return 0;
  } finally {
    await close();
  }
}

function warnOfExposure(
  { listen, adminListen, policy, insecure, tlsClientCa }: Configuration,
  log: Logger,
): void {
  if (insecure === "true" && policy === undefined && tlsClientCa === undefined && !isLoopback(listen.host)) {
    log.warn(
      { listen: addressToText(listen) },
      "insecure: everybody who can reach the port may do everything",
    );
  }
  if (!isLoopback(adminListen.host)) {
    log.warn(
      { admin: addressToText(adminListen) },
      "admin port open to other machines: it asks for no credentials",
    );
  }
}

async function openLogger(
  { log: location, deployment, natsCreds, natsReplicas, natsMonitor, natsAssumeSynced }: Configuration,
  log: Logger,
  stopping: AbortSignal,
): Promise<TransactionLogger> {
  switch (location.type) {
    case "file":
      return openFileTransactionLogger({ directory: location.directory, log });
    // The clients of other servers are loaded only here: a service with another log does not pay for them.
    case "postgres": {
      const { openPostgresTransactionLogger } = await import(
        "./transaction-log/postgres/postgres-transaction-logger.ts"
      );
      return openPostgresTransactionLogger({
        url: location.url,
        log,
        stopping,
        ...(deployment !== undefined && { deployment }),
      });
    }
    case "nats": {
      const { openJetStreamTransactionLogger } = await import("./transaction-log/remote/jetstream/open.ts");
      return openJetStreamTransactionLogger({
        url: location.url,
        log,
        stopping,
        replicas: Number(natsReplicas),
        assumeSynced: natsAssumeSynced === "true",
        ...(natsCreds !== undefined && { credentialsFile: natsCreds }),
        ...(natsMonitor !== undefined && { monitors: natsMonitor }),
      });
    }
    case "memory":
      log.warn({}, "log in memory: all data is lost when this process ends");
      return new MemoryTransactionLogger();
  }
}

/** A replica that cannot follow the log must not serve. The process ends, and a new one replays the whole log. */
function throwLost(error: unknown): never {
  throw error;
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, resolve);
  });
}

function exampleCommand({ tlsCert }: Configuration, { host, port }: Address): string {
  const authority = addressToText({ host: host === "0.0.0.0" || host === "::" ? "localhost" : host, port });
  const curl = tlsCert === undefined ? "curl http://" : "curl --insecure https://";
  return `${curl}${authority}/v1/key/greeting -X PUT -d hello`;
}
