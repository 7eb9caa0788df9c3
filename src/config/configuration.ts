import * as v from "valibot";
import { defaultLimits, type Limits } from "../limits.ts";
import { fitToMemory, type Memory, type MemoryLimits, readMemory } from "./memory.ts";
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
  memory: Memory = readMemory(),
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
  const givenLimits: Partial<Limits> = {};
  const rest: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(result.output)) {
    Object.assign(name in defaultLimits ? givenLimits : rest, { [name]: value });
  }
  const fitting = fitToMemory(memory, givenLimits);
  const mistake = memoryMistake(memory, fitting, givenLimits.storeBytesMax, sources);
  if (mistake !== undefined) throw new ConfigurationError([mistake]);
  const limits = { ...defaultLimits, ...fitting, ...givenLimits };
  const contradictions = limitMistakes(limits, sources);
  if (contradictions.length > 0) throw new ConfigurationError(contradictions);
  return { ...(rest as Omit<Settings, keyof Limits>), limits };
}

/** A store below this is of no use; the memory is too small, or other limits take all of it. */
const storeBytesMin = 1024 * 1024;

function memoryMistake(
  { oldSpaceBytes, processBytes }: Memory,
  { storeBytesMax }: MemoryLimits,
  given: number | undefined,
  sources: Readonly<Record<string, string>>,
): string | undefined {
  const memory = `V8 has ${mebibytes(oldSpaceBytes)} for its old space and the process ${mebibytes(processBytes)} in all`;
  if (storeBytesMax < storeBytesMin) {
    return `the memory is too small for these limits: ${memory}. Give the process more memory and V8 its share (--max-old-space-size), or lower the limits`;
  }
  if (given === undefined || given <= storeBytesMax) return undefined;
  return `${sources["storeBytesMax"]} must be at most ${storeBytesMax}: ${memory}. For more, give the process more memory and V8 its share (--max-old-space-size)`;
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 1024 / 1024)} MiB`;
}

/** The certificate and its key go together, and client certificates need both. */
function tlsMistakes(given: Partial<Record<string, string>>): readonly string[] {
  const { tlsCert, tlsKey, tlsClientCa, tlsClientAuth } = given;
  const caMissing = tlsClientAuth !== undefined && tlsClientCa === undefined;
  if (tlsCert === undefined && tlsKey === undefined && tlsClientCa === undefined && !caMissing) return [];
  return [
    ...(caMissing ? ["--tls-client-ca must be a PEM file, since client certificates are asked for"] : []),
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
