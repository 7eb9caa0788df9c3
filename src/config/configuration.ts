import * as v from "valibot";
import { defaultLimits, type Limits } from "../limits.ts";
import { settings, toFlagName, toVariableName } from "./settings.ts";
import { sizeToText } from "./values.ts";

type Settings = v.InferOutput<typeof settings>;

export interface Configuration extends Omit<Settings, keyof Limits> {
  readonly limits: Limits;
}

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
  const contradictions = limitMistakes(limits, sources);
  if (contradictions.length > 0) throw new ConfigurationError(contradictions);
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

/** A limit that another one makes unreachable. */
function limitMistakes(limits: Limits, sources: Readonly<Record<string, string>>): readonly string[] {
  const pairs = [
    ["valueBytesMax", "requestBytesMax"],
    ["keyBytesMax", "requestBytesMax"],
    ["valueBytesMax", "storeBytesMax"],
  ] as const;
  return pairs
    .filter(([inner, outer]) => limits[inner] > limits[outer])
    .map(([inner, outer]) => {
      const most = `${sources[outer]}, which is ${sizeToText(limits[outer])}`;
      return `${sources[inner]} is ${sizeToText(limits[inner])} and must be at most ${most}`;
    });
}
