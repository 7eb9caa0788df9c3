import { readFile } from "node:fs/promises";
import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  type NatsConnection,
} from "@nats-io/transport-node";
import { DuetError } from "../../../errors.ts";
import type { JetStreamLogOptions, NatsLocation } from "./options.ts";

/** The version of the oldest server whose conditional appends and reads were tested. */
const oldestServer = [2, 15] as const;

/** The committer appends up to so many bytes at once. */
const messageBytesMin = 8 * 1024 * 1024;

type Credentials = Pick<JetStreamLogOptions, "credentialsFile">;

/** Connects to one of the servers. Rejects with the client's error, or LOG_UNAVAILABLE for a server that cannot be used. */
export async function connectTo(location: NatsLocation, options: Credentials): Promise<NatsConnection> {
  const connection = await connect(await connectionOptions(location, options));
  const mistake = serverMistake(connection);
  if (mistake === undefined) return connection;
  await connection.close();
  throw new DuetError("LOG_UNAVAILABLE", mistake);
}

/** Connects to one server of a location, for a short time. Rejects with the client's error. */
export async function connectToServer(
  location: NatsLocation,
  server: number,
  options: Credentials,
): Promise<NatsConnection> {
  const servers = location.servers.slice(server, server + 1);
  return connect({
    ...(await connectionOptions({ ...location, servers }, options)),
    reconnect: false,
    ignoreClusterUpdates: true,
  });
}

async function connectionOptions(
  { servers, user, tls }: NatsLocation,
  { credentialsFile }: Credentials,
): Promise<ConnectionOptions> {
  return {
    servers: [...servers],
    name: "duetkv",
    noEcho: true,
    timeout: 5_000,
    // A server that is paused is left after about 6 s.
    pingInterval: 2_000,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    // Credentials may be replaced, and a server that restarts may not know them yet.
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 250,
    // By itself the client would first try the server again that it has left.
    reconnectToServer: (pool) =>
      pool.reduce((one, other) => (other.lastConnect < one.lastConnect ? other : one)),
    ...(user && { user: user.name, pass: user.password }),
    ...(tls && {
      tls: {
        ...(tls.ca && { caFile: tls.ca }),
        ...(tls.cert && { certFile: tls.cert }),
        ...(tls.key && { keyFile: tls.key }),
      },
    }),
    ...(credentialsFile && { authenticator: credsAuthenticator(await readCredentials(credentialsFile)) }),
  };
}

/** Why a server cannot be used, and what to set; undefined when it can. */
export function serverMistake({ info }: NatsConnection): string | undefined {
  if (info === undefined) return undefined;
  const { server_name: server, version, max_payload: payload } = info;
  const old = oldVersion(version);
  if (old !== undefined) return `NATS server ${server} ${old}`;
  if (info.jetstream !== true)
    return `NATS server ${server} has no JetStream; set jetstream in its configuration`;
  if (payload < messageBytesMin) {
    return `NATS server ${server} takes messages of ${payload} bytes; set max_payload: ${messageBytesMin} in its configuration`;
  }
  return undefined;
}

/** Completes "NATS server NAME …" for a version that is too old. */
export function oldVersion(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isOld = major < oldestServer[0] || (major === oldestServer[0] && minor < oldestServer[1]);
  return isOld ? `has version ${version}; upgrade it to ${oldestServer.join(".")} or later` : undefined;
}

async function readCredentials(file: string): Promise<Uint8Array> {
  return readFile(file).catch((error: Error) => {
    throw new DuetError("LOG_UNAVAILABLE", `--nats-creds cannot be read: ${error.message}`, { cause: error });
  });
}
