import { DuetError } from "../../../errors.ts";
import type { completeOptions } from "../options.ts";

export interface JetStreamLogOptions extends Partial<Parameters<typeof completeOptions>[0]> {
  /** `nats://[USER:PASSWORD@]HOST[:PORT][,HOST…]/NAME`, or tls://. */
  readonly url: string;
  readonly log: Parameters<typeof completeOptions>[0]["log"];
  /** A file with the credentials of a user. */
  readonly credentialsFile?: string;
  /** How many copies the streams have at least, and exactly when they are made. By default 3. */
  readonly replicas?: number;
  /** The monitoring URL of each server, `http://HOST:8222`. */
  readonly monitors?: readonly string[];
  /** The operator says that every server syncs before it confirms a write. */
  readonly assumeSynced?: boolean;
  /** How often the monitoring URLs are asked, in milliseconds. */
  readonly monitorMs?: number;
}

/** Where a log is. */
export interface NatsLocation {
  /** HOST:PORT of each server. */
  readonly servers: readonly string[];
  readonly name: string;
  readonly user: { readonly name: string; readonly password: string } | undefined;
  /** PEM files of TLS; undefined: cleartext. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined;
}

const form = /^(nats|tls):\/\/(?:([^@/?]*)@)?([^@/?]+)\/([A-Za-z0-9_-]{1,60})(?:\?(.*))?$/;

/** Parses a URL, which has several hosts, as `URL` does not. Throws LOG_UNAVAILABLE; the message has no part of it. */
export function parseLocation(url: string): NatsLocation {
  const match = form.exec(url);
  if (match === null) {
    throw new DuetError(
      "LOG_UNAVAILABLE",
      "the URL of the log must be nats://HOST[:PORT][,HOST…]/NAME or tls://…; NAME has letters, digits, - and _",
    );
  }
  const [, scheme, credentials, hosts = "", name = "", query] = match;
  const [user = "", ...password] = (credentials ?? "").split(":");
  const { ca, cert, key } = Object.fromEntries(new URLSearchParams(query));
  return {
    servers: hosts.split(",").map((host) => (/:\d+$/.test(host) ? host : `${host}:4222`)),
    name,
    user: credentials
      ? { name: decodeURIComponent(user), password: decodeURIComponent(password.join(":")) }
      : undefined,
    tls: scheme === "tls" ? { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) } : undefined,
  };
}
