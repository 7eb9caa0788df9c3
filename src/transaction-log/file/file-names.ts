/**
 * Names in a data directory:
 *
 *     lock                            locked by the process that has the log open; contains its pid
 *     durable-sequence                a sequence that is known to be durable
 *     reserve                         zeros; removed when the disk is full
 *     00000000000000000042.log        segment, by its first sequence
 *     00000000000000000041.snapshot   by its horizon
 *     *.tmp                           not yet in use; removed when the log is opened
 *     *.torn-1, *.corrupt-1           bytes that were cut off; never removed
 */
export const lockName = "lock";
export const durableMarkName = "durable-sequence";
export const reserveName = "reserve";
const namePattern = /^(\d{20})\.(log|snapshot)$/;

export function segmentName(firstSequence: number): string {
  return `${String(firstSequence).padStart(20, "0")}.log`;
}

export function snapshotName(horizon: number): string {
  return `${String(horizon).padStart(20, "0")}.snapshot`;
}

export function temporaryName(name: string): string {
  return `${name}.tmp`;
}

export interface NamedFile {
  readonly name: string;
  /** The first sequence of a segment or the horizon of a snapshot, from the name. */
  readonly sequence: number;
}

export interface DirectoryContent {
  readonly names: readonly string[];
  /** In order of sequence. */
  readonly segments: readonly NamedFile[];
  readonly snapshots: readonly NamedFile[];
  readonly temporary: readonly string[];
}

export function sortDirectory(names: readonly string[]): DirectoryContent {
  const segments: NamedFile[] = [];
  const snapshots: NamedFile[] = [];
  for (const name of names.toSorted()) {
    const match = namePattern.exec(name);
    if (!match) continue;
    (match[2] === "log" ? segments : snapshots).push({ name, sequence: Number(match[1]) });
  }
  return { names, segments, snapshots, temporary: names.filter((name) => name.endsWith(".tmp")) };
}

/** An unused name, derived from `name`, for the bytes that are cut off that file. */
export function nameForCut(names: readonly string[], name: string, why: "torn" | "corrupt"): string {
  for (let number = 1; ; number++) {
    const candidate = `${name}.${why}-${number}`;
    if (!names.includes(candidate) && !names.includes(temporaryName(candidate))) return candidate;
  }
}
