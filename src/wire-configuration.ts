import type { Configuration } from "./config/configuration.ts";
import { connectionsForDescriptors } from "./config/descriptors.ts";
import { readMemory } from "./config/memory.ts";
import { isLoopback, type WireOptions } from "./wire/wire.ts";

/** Fewer than the descriptors that `connectionsForDescriptors` leaves. */
const adminConnectionsMax = 32;
const adminInflightBytesMax = 8 * 1024 * 1024;

/** The options of the wire, from the configuration, the limits of this machine, and the TLS files, which it reads. */
export function configureWire(configuration: Configuration) {
  const { listen, limits, corsOrigin, allowedHosts, connectionAgeMax } = configuration;
  const { connectionsMax, connectionsPerAddressMax, inflightBytesMax } = configuration;
  return {
    address: listen,
    limits,
    listenerLimits: {
      connectionsMax: connectionsMax ?? connectionsForDescriptors(),
      connectionsPerAddressMax: connectionsPerAddressMax ?? Number.POSITIVE_INFINITY,
      ageMs: connectionAgeMax ?? 0,
    },
    inflightBytesMax: inflightBytesMax ?? Math.floor(readMemory().processBytes / 8),
    ...(corsOrigin && { corsOrigins: corsOrigin }),
    allowedHosts: allowedHosts ?? (isLoopback(listen.host) ? new Set() : "*"),
  } satisfies Partial<WireOptions>;
}

/**
 * The options of the admin port: always cleartext, and small, since few probes and scrapers use it. They name an address of the
 * network as they like, so that `--allowed-hosts` only counts on a loopback address.
 */
export function configureAdminWire({ adminListen, limits, allowedHosts = new Set() }: Configuration) {
  return {
    address: adminListen,
    limits,
    conventions: new Map(),
    listenerLimits: { connectionsMax: adminConnectionsMax },
    inflightBytesMax: adminInflightBytesMax,
    allowedHosts: isLoopback(adminListen.host) ? allowedHosts : "*",
  } satisfies Partial<WireOptions>;
}
