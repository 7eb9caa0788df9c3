import * as v from "valibot";
import { defaultLimits, type Limits } from "../limits.ts";
import { auditLevels } from "../security/audit-levels.ts";
import {
  address,
  corsOrigins,
  count,
  delay,
  duration,
  hostNames,
  logLocation,
  milliseconds,
  monitorUrls,
  size,
  sizeToText,
} from "./values.ts";

/** The help of a setting. */
export interface SettingHelp {
  /** Placeholder of the value: HOST:PORT, SIZE. */
  readonly value: string;
  readonly text: string;
}

/**
 * Every setting except the limits, by its name in the configuration. The flag is the name in kebab case, the
 * environment variable the name in upper snake case after DUETKV_.
 */
const ownSettings = {
  listen: v.optional(address, "127.0.0.1:8080"),
  adminListen: v.optional(address, "127.0.0.1:8081"),
  log: v.optional(logLocation, "file:./data"),
  deployment: v.optional(
    v.pipe(v.string(), v.regex(/^[a-z0-9_]{1,40}$/, "at most 40 lower case letters, digits and underscores")),
  ),
  advertise: v.optional(address),
  peerSecretFile: v.optional(v.string()),
  peerTlsName: v.optional(v.string()),
  natsCreds: v.optional(v.string()),
  natsReplicas: v.optional(v.picklist(["1", "3", "5"], "1, 3 or 5"), "3"),
  natsMonitor: v.optional(monitorUrls),
  natsAssumeSynced: v.optional(v.picklist(["true", "false"], "true or false"), "false"),
  tlsCert: v.optional(v.string()),
  tlsKey: v.optional(v.string()),
  tlsClientCa: v.optional(v.string()),
  tlsClientAuth: v.optional(v.picklist(["required", "optional"], "required or optional")),
  tlsMinVersion: v.optional(v.picklist(["1.2", "1.3"], "1.2 or 1.3"), "1.2"),
  policy: v.optional(v.string()),
  insecure: v.optional(v.picklist(["true", "false"], "true or false"), "false"),
  audit: v.optional(v.picklist(auditLevels, "off, denied, writes or all"), "off"),
  auditFile: v.optional(v.string()),
  corsOrigin: v.optional(corsOrigins),
  allowedHosts: v.optional(hostNames),
  console: v.optional(v.picklist(["on", "off"], "on or off"), "on"),
  connectionsMax: v.optional(count),
  connectionsPerAddressMax: v.optional(count),
  connectionAgeMax: v.optional(duration),
  inflightBytesMax: v.optional(size),
  drainDelay: v.optional(delay, "0s"),
  slowCallLog: v.optional(duration),
  accessLog: v.optional(v.picklist(["on", "off"], "on or off"), "off"),
  logLevel: v.optional(v.picklist(["debug", "info", "warn", "error"], "debug, info, warn or error"), "info"),
};

const ownHelp: Readonly<Record<keyof typeof ownSettings, SettingHelp>> = {
  listen: { value: "HOST:PORT", text: "address for clients, all protocols; port 0 takes a free port" },
  adminListen: {
    value: "HOST:PORT",
    text: "address for probes and metrics; plain HTTP, keep it internal",
  },
  log: { value: "URL", text: "transaction log: file:DIR, postgres://…, nats://HOST,…/NAME or memory:" },
  deployment: { value: "NAME", text: "name of the deployment, if several share one PostgreSQL database" },
  advertise: {
    value: "HOST:PORT",
    text: "where the other replicas reach this one (the listen address, or the host name)",
  },
  peerSecretFile: {
    value: "FILE",
    text: "secret of all replicas, by which they forward writes to the one that appends for all",
  },
  peerTlsName: {
    value: "NAME",
    text: "DNS name in the certificates of the other replicas (the host of their address)",
  },
  natsCreds: { value: "FILE", text: "credentials for NATS" },
  natsReplicas: { value: "COUNT", text: "copies of the log in NATS: 1, 3 or 5" },
  natsMonitor: {
    value: "LIST",
    text: "monitoring URL of each NATS server, http://HOST:8222, to see that it syncs each write",
  },
  natsAssumeSynced: { value: "", text: "take for granted that each NATS server has sync_interval: always" },
  tlsCert: { value: "FILE", text: "PEM certificate, read again when it changes; serves TLS only" },
  tlsKey: { value: "FILE", text: "PEM key of the certificate" },
  tlsClientCa: {
    value: "FILE",
    text: "PEM certificates of the CAs for client certificates, which are then required",
  },
  tlsClientAuth: {
    value: "WHETHER",
    text: "required or optional: must clients show such a certificate? (required)",
  },
  tlsMinVersion: { value: "VERSION", text: "oldest version of TLS that is spoken: 1.2 or 1.3" },
  policy: {
    value: "FILE",
    text: "who may do what, read again when it changes (everybody may do everything)",
  },
  insecure: { value: "", text: "let everybody do everything, also beyond the loopback interface" },
  audit: { value: "CALLS", text: "calls that are written down: off, denied, writes or all" },
  auditFile: { value: "FILE", text: "where they are written down, as lines of JSON (standard output)" },
  corsOrigin: { value: "LIST|*", text: "origins of web pages that may call the service (none)" },
  allowedHosts: {
    value: "LIST|*",
    text: "allowed Host names beside those of the loopback interface (none on loopback, else any)",
  },
  console: { value: "WHETHER", text: "on or off: serves the web console at /console/" },
  connectionsMax: { value: "COUNT", text: "open connections (as many as file descriptors allow)" },
  connectionsPerAddressMax: { value: "COUNT", text: "open connections of one client address (no limit)" },
  connectionAgeMax: {
    value: "DURATION",
    text: "age at which a connection is drained, such as 1h (no limit)",
  },
  inflightBytesMax: {
    value: "SIZE",
    text: "request bodies and unread responses of all connections (an eighth of memory)",
  },
  drainDelay: {
    value: "DURATION",
    text: "how long calls are still taken after a stop signal, while probes say no",
  },
  slowCallLog: { value: "DURATION", text: "logs unary calls that take longer, such as 1s (none)" },
  accessLog: { value: "WHETHER", text: "on or off: logs every call" },
  logLevel: { value: "LEVEL", text: "debug, info, warn or error" },
};

const limitHelp: Readonly<Record<keyof Limits, string>> = {
  keyBytesMax: "one key",
  valueBytesMax: "one value",
  requestBytesMax: "one request, in every protocol",
  pageEntriesMax: "entries in a page of List",
  pageBytesMax: "keys and values in a page of List",
  batchGetKeysMax: "keys of one BatchGet",
  batchGetBytesMax: "keys and values in the response to one BatchGet",
  commitOperationsMax: "checks and mutations of one Commit",
  commitBytesMax: "one Commit in the message to its watchers",
  storeBytesMax: "the store in memory (as much as fits); beyond it puts fail with STORE_FULL",
  requestIdsBytesMax: "remembered request ids; beyond it writes with an id fail with RATE_LIMITED",
  queueBytesMax: "writes waiting for the log; beyond it writes fail with OVERLOADED",
  watchHistoryEventsMax: "changes kept for History, at_revision, and watches that start in the past",
  watchHistoryBytesMax: "the same, in bytes",
  watchQueueBytesMax: "events waiting for one watcher; beyond it the watch ends with WATCHER_TOO_SLOW",
  watchQueuesBytesMax: "events waiting for all watchers, and their keys; beyond it the slowest end",
  snapshotBytesMax: "overwritten entries kept for one snapshot; beyond it the snapshot ends",
  compactionBytesMin: "the least that a compaction removes from the log",
  revisionWaitMs: "longest wait for min_revision when the caller sets no deadline",
};

export const settings = v.object({ ...ownSettings, ...limitSettings() });

/** Every setting with its help, in the order of `--help`. `default` is undefined when there is none. */
export const settingHelp: readonly (SettingHelp & { readonly flag: string; readonly default?: string })[] = [
  ...Object.entries(ownSettings).map(([name, schema]) => {
    const { default: standard } = schema;
    const help = ownHelp[name as keyof typeof ownSettings];
    return { ...help, flag: toFlagName(name), ...(standard !== undefined && { default: standard }) };
  }),
  ...Object.entries(defaultLimits).map(([name, limit]) => {
    const text = limitHelp[name as keyof Limits];
    const [value, standard] = /Bytes(?:Max|Min)$/.test(name)
      ? ["SIZE", sizeToText(limit)]
      : [name.endsWith("Ms") ? "MILLISECONDS" : "COUNT", String(limit)];
    // Its default depends on the memory of the process.
    if (name === "storeBytesMax") return { flag: toFlagName(name), value, text };
    return { flag: toFlagName(name), value, text, default: standard };
  }),
];

/** The flag names of all settings. */
export const settingNames: readonly string[] = settingHelp.map(({ flag }) => flag);

function limitSettings() {
  const entries = Object.keys(defaultLimits).map((name) => {
    const schema = /Bytes(?:Max|Min)$/.test(name) ? size : name.endsWith("Ms") ? milliseconds : count;
    return [name, v.optional(schema)] as const;
  });
  return Object.fromEntries(entries) as Record<keyof Limits, v.OptionalSchema<typeof count, undefined>>;
}

export function toFlagName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export function toVariableName(name: string): string {
  return `DUETKV_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
