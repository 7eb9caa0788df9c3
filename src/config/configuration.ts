import * as v from "valibot";
import { defaultLimits, type Limits } from "../limits.ts";
import { isLoopback } from "../wire/allowed-hosts.ts";
import { fitToMemory, type Memory, type MemoryLimits, readMemory } from "./memory.ts";
import { settings, toFlagName, toVariableName } from "./settings.ts";
import { addressToText, sizeToText } from "./values.ts";

type Settings = v.InferOutput<typeof settings>;

export interface Configuration extends Omit<Settings, keyof Limits> {
  readonly limits: Limits;
}

/** The message has one line for each mistake. */
export class ConfigurationError extends Error {
  constructor(mistakes: readonly string[]) {
    super(mistakes.join("\n"));
    this.name = "ConfigurationError";
  }
}

/**
 * Builds the configuration. Flags (by flag name) take precedence over the environment, which takes precedence over
 * the defaults. Throws ConfigurationError.
 */
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
    // An empty variable counts as unset: manifests often leave values blank.
    const text = flags[flag] ?? (environment[variable] || undefined);
    if (text !== undefined) given[name] = text;
    sources[name] = flags[flag] === undefined && environment[variable] ? variable : `--${flag}`;
  }
  const result = v.safeParse(settings, given);
  const mistakes = [
    // Values are not shown: one may contain a password.
    ...(result.issues ?? []).map(
      (issue) => `${sources[String(issue.path?.[0].key)]} must be ${issue.message}`,
    ),
    ...tlsMistakes(given),
    ...auditMistakes(given),
  ];
  if (!result.success || mistakes.length > 0) throw new ConfigurationError(mistakes);
  const givenLimits: Partial<Limits> = {};
  const rest: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(result.output)) {
    Object.assign(name in defaultLimits ? givenLimits : rest, { [name]: value });
  }
  const exposed = exposureMistake(result.output, sources);
  if (exposed !== undefined) throw new ConfigurationError([exposed]);
  const fitting = fitToMemory(memory, givenLimits);
  const mistake = memoryMistake(memory, fitting, givenLimits.storeBytesMax, sources);
  if (mistake !== undefined) throw new ConfigurationError([mistake]);
  const limits = { ...defaultLimits, ...fitting, ...givenLimits };
  const contradictions = limitMistakes(limits, sources);
  if (contradictions.length > 0) throw new ConfigurationError(contradictions);
  return { ...(rest as Omit<Settings, keyof Limits>), limits };
}

/** The smallest useful store. Below it, the memory is too small or other limits take all of it. */
const storeBytesMin = 1024 * 1024;

function memoryMistake(
  { oldSpaceBytes, processBytes }: Memory,
  { storeBytesMax }: MemoryLimits,
  given: number | undefined,
  sources: Readonly<Record<string, string>>,
): string | undefined {
  const memory = `V8's old space has ${mebibytes(oldSpaceBytes)}, the whole process ${mebibytes(processBytes)}`;
  if (storeBytesMax < storeBytesMin) {
    return `the memory is too small for these limits: ${memory}. Give the process more memory and raise --max-old-space-size, or lower the limits`;
  }
  if (given === undefined || given <= storeBytesMax) return undefined;
  return `${sources["storeBytesMax"]} must be at most ${storeBytesMax}: ${memory}. For more, give the process more memory and raise --max-old-space-size`;
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 1024 / 1024)} MiB`;
}

/** Beyond the loopback interface somebody must have said who may do what. */
function exposureMistake(
  { listen, policy, insecure, tlsClientCa, tlsClientAuth }: Settings,
  sources: Readonly<Record<string, string>>,
): string | undefined {
  const authenticates = policy !== undefined || (tlsClientCa !== undefined && tlsClientAuth !== "optional");
  if (isLoopback(listen.host) || authenticates || insecure === "true") return undefined;
  return `${sources["listen"]} is ${addressToText(listen)}, which other machines can reach, and everybody could do everything: give --policy FILE or --tls-client-ca FILE, or --insecure if that is meant`;
}

/** The certificate and its key go together, and client certificates need both. */
function tlsMistakes(given: Partial<Record<string, string>>): readonly string[] {
  const { tlsCert, tlsKey, tlsClientCa, tlsClientAuth } = given;
  const caMissing = tlsClientAuth !== undefined && tlsClientCa === undefined;
  if (tlsCert === undefined && tlsKey === undefined && tlsClientCa === undefined && !caMissing) return [];
  return [
    ...(caMissing
      ? ["--tls-client-ca is missing; it names the CAs of client certificates in a PEM file"]
      : []),
    ...(tlsCert === undefined ? ["--tls-cert is missing; TLS needs a certificate in a PEM file"] : []),
    ...(tlsKey === undefined
      ? ["--tls-key is missing; TLS needs the key of the certificate in a PEM file"]
      : []),
  ];
}

/** Somebody who names a file believes that there is an audit. */
function auditMistakes({ audit, auditFile }: Partial<Record<string, string>>): readonly string[] {
  if (auditFile === undefined || audit !== undefined) return [];
  return ["--audit is missing; it says which calls are written to --audit-file"];
}

/** A larger request might not fit in a frame of the log (`payloadBytesMax`), with room for what its writes add. */
const requestBytesMost = 128 * 1024 * 1024;

/** Mistakes where one limit makes another unreachable. */
function limitMistakes(limits: Limits, sources: Readonly<Record<string, string>>): readonly string[] {
  const pairs = [
    ["valueBytesMax", "requestBytesMax"],
    ["keyBytesMax", "requestBytesMax"],
    ["valueBytesMax", "storeBytesMax"],
  ] as const;
  const tooLarge = (name: keyof Limits, most: string) =>
    `${sources[name]} is ${sizeToText(limits[name])} and must be at most ${most}`;
  const mistakes = pairs
    .filter(([inner, outer]) => limits[inner] > limits[outer])
    .map(([inner, outer]) => tooLarge(inner, `${sources[outer]}, which is ${sizeToText(limits[outer])}`));
  if (limits.requestBytesMax <= requestBytesMost) return mistakes;
  return [
    ...mistakes,
    tooLarge("requestBytesMax", `${sizeToText(requestBytesMost)}, which the log takes at once`),
  ];
}
