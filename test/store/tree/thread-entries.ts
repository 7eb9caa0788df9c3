import type { RecordEntry } from "../../../src/store/memory/records.ts";

/** The number of keys that the writer and the readers of the stress know. */
export const keyCount = 400;

/** What the counters of all entries add up to at each revision: the writer only moves amounts between entries. */
export const total = 1000 * keyCount;

export function keyOf(index: number): string {
  return `k/${String(index % 20).padStart(2, "0")}/${index}`;
}

/** The entry of a key at a revision: everything but the counter follows from the two, so that a torn read shows. */
export function entryAt(index: number, revision: number, counter: number): RecordEntry {
  const fill = String.fromCharCode(97 + ((index + revision) % 26)).repeat(
    (index * 7919 + revision * 104_729) % 600,
  );
  return {
    key: keyOf(index),
    value: `${index}|${revision}|${counter}|${fill}`,
    revision,
    createRevision: 1,
    version: revision,
    updateTime: 1_700_000_000_000 + revision,
    expireTime: revision % 3 === 0 ? 1_800_000_000_000 : 0,
  };
}

/** The counter of an entry; undefined when anything of the entry does not fit. */
export function counterOf(entry: RecordEntry, atRevision: number): number | undefined {
  const [index, revision, counter] = String(entry.value).split("|", 3).map(Number) as [
    number,
    number,
    number,
  ];
  if (!(index >= 0 && index < keyCount) || entry.revision !== revision || revision > atRevision)
    return undefined;
  const expected = entryAt(index, revision, counter);
  const fits =
    entry.key === expected.key &&
    entry.value === expected.value &&
    entry.version === expected.version &&
    entry.createRevision === 1 &&
    entry.updateTime === expected.updateTime &&
    entry.expireTime === expected.expireTime;
  return fits ? counter : undefined;
}
