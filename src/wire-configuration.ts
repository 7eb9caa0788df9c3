import { readFile } from "node:fs/promises";
import type { Configuration } from "./config/configuration.ts";
import { connectionsForDescriptors } from "./config/descriptors.ts";
import { readMemory } from "./config/memory.ts";
import { isLoopback, type TlsFiles, type WireOptions } from "./wire/wire.ts";

/** The options of the wire that follow from the configuration, this machine and the TLS files, which are read. */
export async function configureWire(configuration: Configuration) {
  const { listen, limits, corsOrigin, allowedHosts, connectionAgeMax } = configuration;
  const { connectionsMax, connectionsPerAddressMax, inflightBytesMax } = configuration;
  const tls = await readTlsFiles(configuration);
  return {
    address: listen,
    ...(tls && { tls }),
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

async function readTlsFiles({ tlsCert, tlsKey, tlsClientCa }: Configuration): Promise<TlsFiles | undefined> {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  const [cert, key, clientCa] = await Promise.all([
    readFile(tlsCert, "utf8"),
    readFile(tlsKey, "utf8"),
    tlsClientCa === undefined ? undefined : readFile(tlsClientCa, "utf8"),
  ]);
  return { cert, key, ...(clientCa && { clientCa }) };
}
