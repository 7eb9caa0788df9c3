import { hostname } from "node:os";
import { ForwardingService } from "../gen/duetkv/internal/v1/forwarding_pb.ts";
import type { Configuration } from "./config/configuration.ts";
import { watchFiles } from "./config/file-watch.ts";
import { type Address, addressToText } from "./config/values.ts";
import type { Database } from "./database.ts";
import type { Logger } from "./logging.ts";
import { PeerProof } from "./replication/peer-proof.ts";
import { Replication } from "./replication/replication.ts";
import type { RequestTracer } from "./replication/request-tracer.ts";
import type { Security } from "./security/security.ts";
import type { TlsSource } from "./tls-source.ts";
import { isLoopback, messageCodec } from "./wire/wire.ts";

/** Forwarding between the replicas; undefined where each appends by itself. Rejects when the peer secret cannot be read. */
export async function configureReplication(
  { listen, policy, audit, peerSecretFile, peerTlsName, limits }: Configuration,
  database: Database,
  tls: TlsSource | undefined,
  log: Logger,
  tracer: RequestTracer | undefined,
): Promise<Replication | undefined> {
  if (!database.isShared) return undefined;
  // A caller without a secret may be any local process, which must not get around the policy and the audit.
  const isOpen = isLoopback(listen.host) && policy === undefined && audit === "off";
  if (peerSecretFile === undefined && !isOpen) {
    log.info({}, "each replica appends by itself: without --peer-secret-file they cannot trust each other");
    return undefined;
  }
  const secrets = peerSecretFile === undefined ? undefined : await openSecrets(peerSecretFile, log);
  const proof = secrets?.proof ?? PeerProof.none;
  return new Replication({
    database,
    limits,
    codec: messageCodec,
    proof,
    mayReach: (address) => proof.isNeeded || isLoopback(hostOf(address)),
    tls: () => tls && toClientOptions(tls, peerTlsName),
    log,
    tracer,
    onClose: () => secrets?.close(),
  });
}

/** Reads the secrets now, and when the file changes. */
async function openSecrets(file: string, log: Logger) {
  const proof = await PeerProof.read(file);
  const reload = async (): Promise<void> => {
    try {
      if (await proof.reload(file)) log.info({ file }, "peer secrets reloaded");
    } catch (error) {
      log.error({ err: error }, "peer secrets refused; the old ones stay in use");
    }
  };
  const watch = await watchFiles({ paths: [file], onChange: () => void reload() });
  // The file may have changed before the watch began.
  await reload();
  return { proof, close: () => watch.close() };
}

/** As `security` asks callers who they are; those of the service for replicas must prove that they are replicas. */
export function authenticateAll(
  security: Security | undefined,
  replication: Replication | undefined,
): Security["authenticate"] | undefined {
  if (replication === undefined || !replication.needsProof) return security?.authenticate;
  return (origin, method, protocol) => {
    if (method.parent !== ForwardingService) return security?.authenticate(origin, method, protocol);
    try {
      replication.requireReplica(origin, protocol);
    } catch (error) {
      security?.refused(origin, method, protocol, "replica", error);
      throw error;
    }
    return undefined;
  };
}

/** Where the others reach this replica, as HOST:PORT. `bound` is the address of its port. */
export function advertisedAddress({ advertise, listen }: Configuration, bound: Address): string {
  const isWildcard = listen.host === "0.0.0.0" || listen.host === "::";
  const { host, port } = advertise ?? { host: isWildcard ? hostname() : listen.host, port: bound.port };
  return addressToText({ host, port: port === 0 ? bound.port : port });
}

/** Of HOST:PORT or [HOST]:PORT. */
function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":")).replaceAll(/[[\]]/g, "");
}

/** The certificate of this replica is that of a client, too. `servername` is verified in place of the host. */
function toClientOptions({ files: { cert, key, clientCa } }: TlsSource, servername: string | undefined) {
  return {
    cert,
    key,
    ...(clientCa !== undefined && { ca: clientCa }),
    ...(servername !== undefined && { servername }),
  };
}
