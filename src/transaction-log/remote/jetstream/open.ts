import { setTimeout as delay } from "node:timers/promises";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { DuetError } from "../../../errors.ts";
import { backoffMs } from "../../shared/backoff.ts";
import { openRemoteTransactionLogger, type RemoteTransactionLogger } from "../remote-transaction-logger.ts";
import { connectTo, connectToServer } from "./connection.ts";
import { Durability } from "./durability.ts";
import { JetStreamDriver } from "./jetstream-driver.ts";
import { type JetStreamLogOptions, type NatsLocation, parseLocation } from "./options.ts";
import { findStream, type Names, namesOf, openStreams, serversOf } from "./streams.ts";

const startWaitMs = 30_000;

/**
 * Opens a log in JetStream, and makes its streams if there are none. Rejects with LOG_UNAVAILABLE when no server can be
 * reached, or when a server or a stream could lose what it confirms; the message says what to set. Otherwise as
 * `openRemoteTransactionLogger`.
 */
export async function openJetStreamTransactionLogger(
  options: JetStreamLogOptions,
): Promise<RemoteTransactionLogger> {
  return openRemoteTransactionLogger(await openJetStreamDriver(options), options);
}

/** Connects and checks everything. The caller closes the driver. */
export async function openJetStreamDriver(options: JetStreamLogOptions): Promise<JetStreamDriver> {
  const location = parseLocation(options.url);
  const durability = await openDurability(options);
  try {
    return await retried(options, () =>
      openDriver(location, options, durability, async (manager, names) => {
        await openStreams(manager, names, options.replicas ?? 3);
        if (options.assumeSynced) return;
        await durability.cover(async () => [
          ...(await serversOf(manager, names.stream)),
          ...(await serversOf(manager, names.snapshotStream)),
        ]);
      }),
    );
  } catch (error) {
    await durability.close();
    throw error;
  }
}

/** Connects to a log that exists, to read it. Rejects with LOG_UNAVAILABLE. The caller closes the driver. */
export async function openJetStreamDriverForReading(options: JetStreamLogOptions): Promise<JetStreamDriver> {
  const location = parseLocation(options.url);
  const durability = new Durability({ monitors: [], monitorMs: 0, log: options.log });
  return retried({ ...options, startWaitMs: 5_000 }, () =>
    openDriver(location, options, durability, async (manager, names) => {
      if ((await findStream(manager, names.stream)) !== undefined) return;
      throw new DuetError("LOG_UNAVAILABLE", `there is no stream ${names.stream}`);
    }),
  );
}

async function openDurability({
  monitors = [],
  assumeSynced = false,
  replicas = 3,
  monitorMs = 10_000,
  startWaitMs: waitMs = startWaitMs,
  log,
}: JetStreamLogOptions): Promise<Durability> {
  if (monitors.length === 0 && !assumeSynced) {
    throw new DuetError(
      "LOG_UNAVAILABLE",
      "it is unknown whether the NATS servers sync a write before they confirm it: set sync_interval: always on each, and " +
        "give --nats-monitor http://HOST:8222 for each, or --nats-assume-synced",
    );
  }
  if (monitors.length > 0 && monitors.length < replicas && !assumeSynced) {
    throw new DuetError(
      "LOG_UNAVAILABLE",
      `--nats-monitor has ${monitors.length} URLs, and the log has ${replicas} copies; name every server`,
    );
  }
  const durability = new Durability({ monitors, monitorMs, log });
  await durability.start(waitMs);
  return durability;
}

async function openDriver(
  location: NatsLocation,
  options: JetStreamLogOptions,
  durability: Durability,
  prepare: (manager: JetStreamManager, names: Names) => Promise<void>,
): Promise<JetStreamDriver> {
  const connection = await connectTo(location, options);
  try {
    const manager = await jetstreamManager(connection, { timeout: 5_000 });
    const names = namesOf(location.name);
    await prepare(manager, names);
    return new JetStreamDriver({
      connection,
      manager,
      names,
      durability,
      servers: location.servers.length,
      connectTo: (server) => connectToServer(location, server, options),
      log: options.log,
    });
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** Making a stream needs a leader, which a starting cluster does not have yet. */
async function retried<T>(options: JetStreamLogOptions, open: () => Promise<T>): Promise<T> {
  const until = performance.now() + (options.startWaitMs ?? startWaitMs);
  for (let failures = 0; ; failures++) {
    try {
      return await open();
    } catch (error) {
      if (error instanceof DuetError) throw error;
      if (performance.now() > until) {
        const why = error instanceof Error ? error.message : String(error);
        throw new DuetError("LOG_UNAVAILABLE", `no NATS server of the log can be used: ${why}`, {
          cause: error,
        });
      }
      if (failures === 1) options.log.warn({ err: error }, "NATS not reached yet; retrying");
      await delay(backoffMs(failures));
    }
  }
}
