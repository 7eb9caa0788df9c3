import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import type { Configuration } from "./config/configuration.ts";
import { watchFiles } from "./config/file-watch.ts";
import type { Logger } from "./logging.ts";
import { type TlsFiles, toSecureContextOptions } from "./wire/wire.ts";

/** The expiry of the certificates in use, in milliseconds since 1970 UTC. */
interface CertificateExpiry {
  readonly use: "server" | "client_ca";
  readonly time: number;
}

/** The TLS files of the server, reloaded when they change. */
export interface TlsSource {
  /** The files in use. */
  readonly files: TlsFiles;
  readonly expiries: readonly CertificateExpiry[];
  /** The number of reloads, by outcome. */
  readonly reloads: { readonly loaded: number; readonly refused: number };
  /** Calls back with the files in use, and again after each reload. The callback must throw if it cannot use them. */
  onChange(use: (files: TlsFiles) => void): void;
  /** Reloads the files now. Also resolves when they are refused, which is logged. */
  reload(): Promise<void>;
  close(): void;
}

interface Loaded {
  readonly files: TlsFiles;
  readonly expiries: readonly CertificateExpiry[];
}

/** Reads the files of `--tls-cert` and so on; undefined without. Rejects when one is missing or they do not fit together. */
export async function openTlsSource(
  configuration: Configuration,
  log: Pick<Logger, "info" | "warn" | "error">,
): Promise<TlsSource | undefined> {
  const { tlsCert, tlsKey, tlsClientCa } = configuration;
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  const paths = [tlsCert, tlsKey, ...(tlsClientCa === undefined ? [] : [tlsClientCa])];
  let current = await load(configuration);
  warnOfExpired(current, log);
  const reloads = { loaded: 0, refused: 0 };
  let use: ((files: TlsFiles) => void) | undefined;
  let running: Promise<void> = Promise.resolve();

  async function readAgain(): Promise<void> {
    try {
      const next = await load(configuration);
      if (isSame(next.files, current.files)) return;
      use?.(next.files);
      current = next;
      reloads.loaded++;
      log.info({ expires: describeExpiries(next) }, "TLS files reloaded");
      warnOfExpired(next, log);
    } catch (error) {
      reloads.refused++;
      log.error({ err: error }, "TLS files refused; the old ones stay in use");
    }
  }

  /** One reload at a time, so that the last change is used. */
  function reload(): Promise<void> {
    running = running.then(readAgain);
    return running;
  }

  const watch = await watchFiles({ paths, onChange: () => void reload() });
  // The files may have changed before the watch began.
  await reload();
  return {
    get files() {
      return current.files;
    },
    get expiries() {
      return current.expiries;
    },
    reloads,
    onChange(callback) {
      use = callback;
      callback(current.files);
    },
    reload,
    close: () => watch.close(),
  };
}

async function load(configuration: Configuration): Promise<Loaded> {
  const { tlsCert = "", tlsKey = "", tlsClientCa, tlsClientAuth, tlsMinVersion } = configuration;
  const [cert, key, clientCa] = await Promise.all([
    readFile(tlsCert, "utf8"),
    readFile(tlsKey, "utf8"),
    tlsClientCa === undefined ? undefined : readFile(tlsClientCa, "utf8"),
  ]);
  const files: TlsFiles = {
    cert,
    key,
    minVersion: `TLSv${tlsMinVersion}`,
    ...(clientCa !== undefined && { clientCa, clientCertOptional: tlsClientAuth === "optional" }),
  };
  // Throws an error that describes the mistake.
  createSecureContext(toSecureContextOptions(files));
  const expiries: CertificateExpiry[] = [
    { use: "server", time: firstExpiry(cert.slice(0, endOfFirst(cert))) },
  ];
  if (clientCa !== undefined) expiries.push({ use: "client_ca", time: firstExpiry(clientCa) });
  return { files, expiries };
}

const certificates = /-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----/g;

/** The server's certificate is the first; the certificates after it form its chain. */
function endOfFirst(pem: string): number {
  const end = "-----END CERTIFICATE-----";
  return pem.indexOf(end) + end.length;
}

function firstExpiry(pem: string): number {
  const times = [...pem.matchAll(certificates)].map(([text]) =>
    new X509Certificate(text).validToDate.getTime(),
  );
  if (times.length === 0) throw new Error("a TLS file contains no certificate");
  return Math.min(...times);
}

function isSame(a: TlsFiles, b: TlsFiles): boolean {
  return a.cert === b.cert && a.key === b.key && a.clientCa === b.clientCa;
}

function describeExpiries({ expiries }: Loaded): Record<string, string> {
  return Object.fromEntries(expiries.map(({ use, time }) => [use, new Date(time).toISOString()]));
}

function warnOfExpired(loaded: Loaded, log: Pick<Logger, "warn">): void {
  if (loaded.expiries.every(({ time }) => time > Date.now())) return;
  log.warn({ expires: describeExpiries(loaded) }, "certificate expired");
}
