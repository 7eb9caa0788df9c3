import { hostname } from "node:os";
import type { Configuration } from "./config/configuration.ts";
import { type Address, addressToText } from "./config/values.ts";
import type { Database } from "./database.ts";
import type { Logger } from "./logging.ts";
import { PeerProof } from "./replication/peer-proof.ts";
import { Replication } from "./replication/replication.ts";
import type { TlsSource } from "./tls-source.ts";
import { isLoopback } from "./wire/wire.ts";

/** Forwarding between the replicas; undefined where each appends by itself. Rejects when the peer secret cannot be read. */
export async function configureReplication(
  { listen, policy, audit, peerSecretFile, peerTlsName, limits }: Configuration,
  database: Database,
  tls: TlsSource | undefined,
  log: Logger,
): Promise<Replication | undefined> {
  if (!database.isShared) return undefined;
  // A caller without a secret may be any local process, which must not get around the policy and the audit.
  const isOpen = isLoopback(listen.host) && policy === undefined && audit === "off";
  if (peerSecretFile === undefined && !isOpen) {
    log.info({}, "each replica appends by itself: without --peer-secret-file they cannot trust each other");
    return undefined;
  }
  const proof = peerSecretFile === undefined ? PeerProof.none : await PeerProof.read(peerSecretFile);
  return new Replication({
    database,
    limits,
    proof,
    mayReach: (address) => proof.isNeeded || isLoopback(hostOf(address)),
    tls: () => tls && toClientOptions(tls, peerTlsName),
    log,
  });
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
