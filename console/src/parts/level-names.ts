import { compareKeys } from "../key-order.ts";
import type { LiveChange } from "../live/live-change.ts";

/** What happened to a name while the level was shown. */
export interface Mark {
  readonly type: "put" | "delete";
  readonly time: Date;
}

/** The names of one level as far as they are loaded: keys, and prefixes that end with `/`. */
export interface LevelNames {
  readonly names: readonly string[];
  readonly marks: ReadonlyMap<string, Mark>;
  /** Whether all names are loaded. */
  readonly isWhole: boolean;
}

/** The name by which a level shows a key that begins with its prefix. */
function nameOf(prefix: string, key: string): string {
  const slash = key.indexOf("/", prefix.length);
  return slash < 0 ? key : key.slice(0, slash + 1);
}

/** The level after changes. A new name is inserted where the loaded ones reach; a deleted one stays, and is marked. */
export function withChanges(level: LevelNames, prefix: string, changes: readonly LiveChange[]): LevelNames {
  const marks = new Map(level.marks);
  let { names } = level;
  for (const { type, key, time } of changes) {
    const name = nameOf(prefix, key);
    const isKnown = names.includes(name);
    if (!isKnown && type === "put") names = insert(names, name, level.isWhole);
    // A delete below a name leaves others there, as far as is known.
    // Of a name that is not loaded yet, a later page tells what it was when the first page was read.
    if (isKnown || type === "put" || (name === key && !level.isWhole))
      marks.set(name, { type: name === key ? type : "put", time });
  }
  return { ...level, names, marks };
}

/** The level with another page of names, which are those of the revision of the first page. */
export function withPage(level: LevelNames, page: readonly string[], isWhole: boolean): LevelNames {
  const loaded = [...level.names, ...page];
  const known = new Set(loaded);
  let names: readonly string[] = loaded;
  for (const [name, { type }] of level.marks) {
    if (type === "put" && !known.has(name)) names = insert(names, name, isWhole);
  }
  return { names, marks: level.marks, isWhole };
}

function insert(names: readonly string[], name: string, isWhole: boolean): readonly string[] {
  const at = names.findIndex((other) => compareKeys(name, other) < 0);
  if (at < 0) return isWhole ? [...names, name] : names;
  return names.toSpliced(at, 0, name);
}
