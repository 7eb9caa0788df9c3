// The types of the command table. It contains data only, so that parser, help and docs/cli.md can all use it.

/**
 * The type of a flag's value: `texts` is a repeatable text; a duration is in milliseconds; a count is a number from
 * 1, a share one from 0 to 1.
 */
type FlagType = "boolean" | "text" | "texts" | "duration" | "revision" | "count" | "share";

export interface Flag {
  readonly type: FlagType;
  /** Placeholder of the value in the help: REV, FILE. A boolean has none. */
  readonly value?: string;
  /** The possible values of a text; default: any. */
  readonly values?: readonly string[];
  readonly text: string;
}

export type Flags = Readonly<Record<string, Flag>>;

export interface CommandSpec {
  /** The arguments in the help: KEY [VALUE|-]. */
  readonly usage: string;
  /** The smallest and largest number of arguments. */
  readonly positionals: readonly [min: number, max: number];
  /** The possible values of the arguments; default: any. */
  readonly values?: readonly string[];
  /** Whether `--` and a command to run may follow. */
  readonly runsCommand?: boolean;
  /** One line, without a full stop. */
  readonly summary: string;
  /** Whole sentences. */
  readonly details: string;
  readonly examples: readonly string[];
  readonly flags: Flags;
}

/** The type of a flag's value in a command. */
type FlagValue<F extends Flag> = F extends { readonly values: readonly (infer Value)[] }
  ? Value | undefined
  : ValueOfType[F["type"]];

interface ValueOfType {
  readonly boolean: boolean;
  readonly text: string | undefined;
  readonly texts: readonly string[];
  readonly duration: number | undefined;
  /** A string of digits, because a revision is an int64. */
  readonly revision: string | undefined;
  readonly count: number | undefined;
  readonly share: number | undefined;
}

export type FlagValues<F extends Flags> = { readonly [Name in keyof F]: FlagValue<F[Name]> };
