import { DuetError } from "../../errors.ts";

/** Where a log stops to be what was written. */
export interface Damage {
  readonly file: string;
  readonly offset: number;
  /** Everything up to this sequence is good. */
  readonly lastGoodSequence: number;
  readonly what: string;
}

export function corruptError(directory: string, damage: Damage, cause?: unknown): DuetError {
  return new DuetError(
    "LOG_CORRUPT",
    `the log in ${directory} is damaged: ${damage.file} at offset ${damage.offset}: ${damage.what}; the last good ` +
      `sequence is ${damage.lastGoodSequence}. To see what a repair would cut off, run: ` +
      `duetkv log repair --log file:${directory}`,
    {
      ...(cause === undefined ? {} : { cause }),
      metadata: { file: damage.file, offset: String(damage.offset) },
    },
  );
}

export function versionError(directory: string, file: string, version: number, known: number): DuetError {
  return new DuetError(
    "LOG_VERSION",
    `the log in ${directory} was written by a newer release: ${file} has format version ${version}, and this release ` +
      `reads versions up to ${known}. Nothing was changed.`,
  );
}
