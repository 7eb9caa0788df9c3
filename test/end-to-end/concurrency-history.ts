import type { Entry } from "../../gen/duetkv/v1/key_value_pb.ts";

/** undefined: deleted. */
type Writes = ReadonlyMap<string, string | undefined>;

/** What a read said: of each key that it asked for, the entry or that there is none. */
export interface Reading {
  /** The newest revision that anybody had been told before the read began. */
  readonly begin: bigint;
  /** The revision that the answer carries. */
  readonly revision: bigint;
  readonly entries: ReadonlyMap<string, Entry | undefined>;
}

/** All that concurrent clients wrote and read, to be checked when every revision is known. */
export class ConcurrencyHistory {
  /** The newest revision that anybody has been told. */
  acknowledged = 0n;
  readonly readings: Reading[] = [];
  readonly #writes: { readonly begin: bigint; readonly revision: bigint; readonly writes: Writes }[] = [];

  async write(writes: Writes, send: () => Promise<{ readonly revision: bigint }>): Promise<void> {
    const begin = this.acknowledged;
    const { revision } = await send();
    this.#writes.push({ begin, revision, writes });
    this.#tell(revision);
  }

  async read(
    keys: readonly string[],
    send: () => Promise<{ readonly revision: bigint; readonly entries: readonly Entry[] }>,
  ): Promise<void> {
    const begin = this.acknowledged;
    const { revision, entries } = await send();
    const found = new Map(entries.map((entry) => [entry.key, entry]));
    this.readings.push({ begin, revision, entries: new Map(keys.map((key) => [key, found.get(key)])) });
    this.#tell(revision);
  }

  /** What is inconsistent; empty when nothing is. */
  problems(): readonly string[] {
    const writes = this.#writes.toSorted((a, b) => Number(a.revision - b.revision));
    const problems: string[] = [];
    const states = new Map<string, { readonly revision: bigint; readonly value: string | undefined }[]>();
    for (const [index, { begin, revision, writes: values }] of writes.entries()) {
      if (revision !== BigInt(index + 1)) problems.push(`write ${index + 1} has revision ${revision}`);
      if (revision <= begin) problems.push(`revision ${revision} was made after ${begin} was known`);
      for (const [key, value] of values) states.set(key, [...(states.get(key) ?? []), { revision, value }]);
    }
    for (const { begin, revision, entries } of this.readings) {
      if (revision < begin) problems.push(`a read at ${revision} began after ${begin} was known`);
      for (const [key, entry] of entries) {
        const expected = (states.get(key) ?? []).findLast((state) => state.revision <= revision);
        const told = entry && `${entry.revision}: ${entry.value}`;
        const truth = expected?.value === undefined ? undefined : `${expected.revision}: ${expected.value}`;
        if (told !== truth) problems.push(`a read of ${key} at ${revision} said ${told}, not ${truth}`);
      }
    }
    return problems;
  }

  #tell(revision: bigint): void {
    if (revision > this.acknowledged) this.acknowledged = revision;
  }
}
