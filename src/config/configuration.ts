import * as v from "valibot";
import { defaultLimits, type Limits } from "../limits.ts";
import { address, integer, logLocation } from "./values.ts";

/**
 * What can be set, by its name in the configuration. The flag is the name in kebab case, the environment variable the
 * name in upper snake case after DUETKV_.
 */
const settings = v.object({
  listen: v.optional(address, "127.0.0.1:8080"),
  adminListen: v.optional(address, "127.0.0.1:8081"),
  log: v.optional(logLocation, "file:./data"),
  tlsCert: v.optional(v.string()),
  tlsKey: v.optional(v.string()),
  tlsClientCa: v.optional(v.string()),
  logLevel: v.optional(v.picklist(["debug", "info", "warn", "error"], "debug, info, warn or error"), "info"),
  ...limitSettings(),
});

type Settings = v.InferOutput<typeof settings>;

export interface Configuration extends Omit<Settings, keyof Limits> {
  readonly limits: Limits;
}

/** Every setting's name, as in the flags. */
export const settingNames: readonly string[] = Object.keys(settings.entries).map(toFlagName);

/** What is wrong, one line for each mistake. */
export class ConfigurationError extends Error {
  constructor(mistakes: readonly string[]) {
    super(mistakes.join("\n"));
    this.name = "ConfigurationError";
  }
}

/** Flags (by flag name) come before the environment, and that before the defaults. Throws ConfigurationError. */
export function createConfiguration(
  flags: Readonly<Record<string, string | undefined>>,
  environment: Readonly<Record<string, string | undefined>>,
): Configuration {
  const given: Record<string, string> = {};
  const sources: Record<string, string> = {};
  for (const name of Object.keys(settings.entries)) {
    const flag = toFlagName(name);
    const variable = toVariableName(name);
    // An empty variable is one that was left blank in a manifest.
    const text = flags[flag] ?? (environment[variable] || undefined);
    if (text !== undefined) given[name] = text;
    sources[name] = flags[flag] === undefined && environment[variable] ? variable : `--${flag}`;
  }
  const result = v.safeParse(settings, given);
  const mistakes = [
    // Values stay out of it: one may hold a password.
    ...(result.issues ?? []).map(
      (issue) => `${sources[String(issue.path?.[0].key)]} must be ${issue.message}`,
    ),
    ...tlsMistakes(given),
  ];
  if (!result.success || mistakes.length > 0) throw new ConfigurationError(mistakes);
  const limits = { ...defaultLimits };
  const rest: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(result.output)) {
    Object.assign(name in defaultLimits ? limits : rest, { [name]: value });
  }
  return { ...(rest as Omit<Settings, keyof Limits>), limits };
}

/** The certificate and its key go together, and client certificates need both. */
function tlsMistakes({ tlsCert, tlsKey, tlsClientCa }: Partial<Record<string, string>>): readonly string[] {
  if (tlsCert === undefined && tlsKey === undefined && tlsClientCa === undefined) return [];
  return [
    ...(tlsCert === undefined ? ["--tls-cert must be a PEM file, since TLS is asked for"] : []),
    ...(tlsKey === undefined ? ["--tls-key must be a PEM file, since TLS is asked for"] : []),
  ];
}

function limitSettings() {
  const entries = Object.keys(defaultLimits).map((name) => [name, v.optional(integer)] as const);
  return Object.fromEntries(entries) as Record<keyof Limits, v.OptionalSchema<typeof integer, undefined>>;
}

function toFlagName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function toVariableName(name: string): string {
  return `DUETKV_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
