import { DuetError } from "../../../errors.ts";
import type { UnknownFormatError } from "../../codec/fields.ts";
import type { LogDirectory } from "../log-directory.ts";

/** The first damage in a log. */
export interface Damage {
  readonly file: string;
  readonly offset: number;
  /** All transactions up to this sequence are good. */
  readonly lastGoodSequence: number;
  readonly what: string;
}

export function corruptError(directory: LogDirectory, damage: Damage, cause?: unknown): DuetError {
  return new DuetError(
    "LOG_CORRUPT",
    `the log in ${directory.path} is damaged: ${damage.file} at offset ${damage.offset}: ${damage.what}; the last good ` +
      `sequence is ${damage.lastGoodSequence}. To see what a repair would cut off, run: ` +
      `duetkv log repair --log file:${directory.path}`,
    {
      ...(cause === undefined ? {} : { cause }),
      metadata: { file: damage.file, offset: String(damage.offset) },
    },
  );
}

/** The error for a frame with unknown content at `offset`; `cause` describes that content. */
export function unknownFormatError(
  directory: LogDirectory,
  file: string,
  offset: number,
  cause: UnknownFormatError,
): DuetError {
  return new DuetError(
    "LOG_VERSION",
    `the log in ${directory.path} was written by a newer release: ${file} at offset ${offset} has ${cause.message}`,
    { cause },
  );
}

export function versionError(
  directory: LogDirectory,
  file: string,
  version: number,
  known: number,
): DuetError {
  return new DuetError(
    "LOG_VERSION",
    `the log in ${directory.path} was written by a newer release: ${file} has format version ${version}, and this release ` +
      `reads versions up to ${known}. Nothing was changed.`,
  );
}
