// What the command table is made of. It is data only, so that help, completion and docs/cli.md read the same as the parser.

/** Text, given once or (`texts`) again and again; a length of time in milliseconds; a revision; a number from 1. */
type FlagType = "boolean" | "text" | "texts" | "duration" | "revision" | "count";

export interface Flag {
  readonly type: FlagType;
  /** Stands for the value in the help: REV, FILE. A boolean has none. */
  readonly value?: string;
  readonly text: string;
}

export type Flags = Readonly<Record<string, Flag>>;

export interface CommandSpec {
  /** Its arguments as the help shows them: KEY [VALUE|-]. */
  readonly usage: string;
  /** How many arguments it takes, at least and at most. */
  readonly positionals: readonly [min: number, max: number];
  /** Whether a command to run may follow after `--`. */
  readonly runsCommand?: boolean;
  /** One line, without a full stop. */
  readonly summary: string;
  /** Whole sentences. */
  readonly details: string;
  readonly examples: readonly string[];
  readonly flags: Flags;
}

interface FlagValue {
  readonly boolean: boolean;
  readonly text: string | undefined;
  readonly texts: readonly string[];
  readonly duration: number | undefined;
  /** Digits: a revision is an int64. */
  readonly revision: string | undefined;
  readonly count: number | undefined;
}

export type FlagValues<F extends Flags> = { readonly [Name in keyof F]: FlagValue[F[Name]["type"]] };
