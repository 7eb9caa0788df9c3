import { parseArgs } from "node:util";
import { ConfigurationError } from "./configuration.ts";
import { nearestName } from "./nearest-name.ts";
import { settingHelp, settingNames } from "./settings.ts";

export interface Flags {
  readonly help: boolean;
  readonly version: boolean;
  /** The given values by flag name. */
  readonly values: Readonly<Record<string, string>>;
}

/** Parses the command line of the server. Throws ConfigurationError. */
export function parseFlags(args: readonly string[]): Flags {
  const options = Object.fromEntries(
    settingHelp.map(({ flag, value }) => [
      flag,
      { type: value === "" ? ("boolean" as const) : ("string" as const) },
    ]),
  );
  try {
    const {
      help = false,
      version = false,
      ...values
    } = parseArgs({
      args: [...args],
      options: { ...options, help: { type: "boolean", short: "h" }, version: { type: "boolean" } },
    }).values;
    const texts = Object.entries(values).map(([name, value]) => [name, String(value)]);
    return { help, version, values: Object.fromEntries(texts) };
  } catch (error) {
    throw new ConfigurationError([describeMistake(error as NodeJS.ErrnoException)]);
  }
}

/** One line for each setting: flag, value, explanation, default. */
export function describeFlags(): string {
  const rows = settingHelp.map(({ flag, value, text, default: standard }) => ({
    left: `  --${flag} ${value}`.trimEnd(),
    right: standard === undefined || value === "" ? text : `${text} (${standard})`,
  }));
  const width = Math.max(...rows.map(({ left }) => left.length));
  return rows.map(({ left, right }) => `${left.padEnd(width)}  ${right}`).join("\n");
}

/** Shows flags and plain words, never values: one may contain a password. */
function describeMistake({ code, message }: NodeJS.ErrnoException): string {
  if (code === "ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL") {
    const word = /'([a-z-]{1,20})'/.exec(message)?.[1];
    return `unexpected argument${word === undefined ? "" : ` ${word}`}; settings are given as --NAME VALUE`;
  }
  if (code !== "ERR_PARSE_ARGS_UNKNOWN_OPTION") return message;
  const flag = /'(--?[^' =]+)/.exec(message)?.[1] ?? "";
  const nearest = nearestName(flag.replace(/^-+/, ""), settingNames);
  return `unknown flag ${flag}${nearest === undefined ? "" : `; did you mean --${nearest}?`}`;
}
