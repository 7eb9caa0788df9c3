import { type Event, Event_Type } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";

/** What a transaction does to each key; undefined: deleted. */
export type Writes = ReadonlyMap<string, string | undefined>;

/** A revision that a key must have for the write to happen. */
export interface Expectation {
  readonly key: string;
  readonly revision: bigint;
}

interface WriteRecord {
  /** The newest revision that anybody had been told of before the call began. */
  readonly begin: bigint;
  /** undefined: nobody knows whether it happened. */
  readonly revision: bigint | undefined;
  readonly writes: Writes;
  readonly expected: Expectation | undefined;
}

interface ReadRecord {
  readonly begin: bigint;
  /** That of the store when it answered. */
  readonly revision: bigint;
  /** Of each key: its revision and value, undefined when there was none. */
  readonly found: ReadonlyMap<string, Version | undefined>;
  /** Where a read came from that need not be the newest: it is as new as what that replica has told before. */
  readonly local: boolean;
}

interface Mismatch extends Expectation {
  readonly begin: bigint;
  readonly current: bigint;
}

/** The revision; what the key was at instead, if it was refused for that; undefined when nobody knows. */
export type Outcome = bigint | { readonly current: bigint | undefined } | undefined;

interface Version {
  readonly revision: bigint;
  readonly value: string;
}

interface State {
  readonly revision: bigint;
  /** undefined: deleted. */
  readonly value: string | undefined;
}

/**
 * All that clients wrote and read through several replicas. Writes are in the order of their revisions; that order has to
 * be one that could be observed: what was told to anybody before a call began is before it, and every answer is what was
 * true at the revision that it names. Values are unique, so that each tells which write it is from.
 */
export class ReplicaHistory {
  acknowledged = 0n;
  operations = 0;
  unknown = 0;
  refused = 0;
  readonly #writes: WriteRecord[] = [];
  readonly #reads: ReadRecord[] = [];
  readonly #mismatches: Mismatch[] = [];
  readonly #refusedValues = new Set<string>();
  readonly #toldBy = new Map<unknown, bigint>();

  /** A write that certainly changes something, if it happens. */
  write(writes: Writes, expected: Expectation | undefined, send: () => Promise<Outcome>): Promise<void> {
    return this.#record(writes, expected, async () => ({ outcome: await send(), changed: true }));
  }

  /** A delete, which is a read when there is nothing to delete. */
  delete(key: string, send: () => Promise<{ outcome: Outcome; changed: boolean }>): Promise<void> {
    return this.#record(new Map([[key, undefined]]), undefined, send);
  }

  async #record(
    writes: Writes,
    expected: Expectation | undefined,
    send: () => Promise<{ outcome: Outcome; changed: boolean }>,
  ): Promise<void> {
    const begin = this.acknowledged;
    const { outcome, changed } = await send();
    this.operations++;
    if (typeof outcome === "object") {
      this.refused++;
      for (const value of writes.values()) if (value !== undefined) this.#refusedValues.add(value);
      if (outcome.current !== undefined && expected !== undefined) {
        this.#mismatches.push({ ...expected, begin, current: outcome.current });
      }
      return;
    }
    if (outcome === undefined) this.unknown++;
    else this.tell(outcome);
    if (outcome !== undefined && !changed) {
      const found = new Map([...writes.keys()].map((key) => [key, undefined]));
      this.#reads.push({ begin, revision: outcome, found, local: false });
    } else {
      this.#writes.push({ begin, revision: outcome, writes, expected });
    }
  }

  /** `replica` is given for reads that may be old. */
  async read(
    send: () => Promise<Pick<ReadRecord, "revision" | "found"> | undefined>,
    replica?: unknown,
  ): Promise<void> {
    const begin = replica === undefined ? this.acknowledged : (this.#toldBy.get(replica) ?? 0n);
    const answer = await send();
    this.operations++;
    if (answer === undefined) {
      this.refused++;
      return;
    }
    this.#reads.push({ begin, ...answer, local: replica !== undefined });
    this.tell(answer.revision);
    if (replica !== undefined && answer.revision > (this.#toldBy.get(replica) ?? 0n)) {
      this.#toldBy.set(replica, answer.revision);
    }
  }

  tell(revision: bigint): void {
    if (revision > this.acknowledged) this.acknowledged = revision;
  }

  /** What is inconsistent with the events of all transactions; empty when nothing is. */
  problems(truth: ReadonlyMap<bigint, Writes>): readonly string[] {
    return [
      ...this.#writeProblems(truth),
      ...this.#readProblems(statesOf(truth)),
      ...this.#mismatchProblems(statesOf(truth)),
    ];
  }

  #writeProblems(truth: ReadonlyMap<bigint, Writes>): readonly string[] {
    const problems: string[] = [];
    const states = statesOf(truth);
    const revisions = new Map<string, bigint>();
    for (const [revision, writes] of truth) {
      for (const value of writes.values()) {
        if (value === undefined) continue;
        if (revisions.has(value))
          problems.push(`${value} was written at ${revisions.get(value)} and ${revision}`);
        if (this.#refusedValues.has(value))
          problems.push(`${value} was refused, and is there at ${revision}`);
        revisions.set(value, revision);
      }
    }
    const claimed = new Set<bigint>();
    const unknown: WriteRecord[] = [];
    for (const write of this.#writes) {
      const values = [...write.writes.values()].filter((value) => value !== undefined);
      const revision = write.revision ?? revisions.get(values[0] ?? "");
      if (revision === undefined) {
        // A delete leaves nothing that tells whose it was.
        if (values.length === 0) unknown.push(write);
        continue;
      }
      if (claimed.has(revision)) problems.push(`revision ${revision} was told to two writers`);
      claimed.add(revision);
      if (revision <= write.begin) problems.push(`${revision} was made after ${write.begin} was known`);
      const made = truth.get(revision);
      const missing = [...write.writes].filter(
        ([key, value]) => value !== undefined || has(states, key, revision - 1n),
      );
      if (made === undefined || !sameWrites(new Map(missing), made)) {
        problems.push(`${revision} is ${describe(made)}, not ${describe(write.writes)}`);
      }
      const { expected } = write;
      if (expected && at(states, expected.key, revision - 1n)?.revision !== expected.revision) {
        problems.push(`${revision} needed ${expected.key} at ${expected.revision}, and it was not`);
      }
    }
    for (const [revision, made] of truth) {
      if (claimed.has(revision)) continue;
      const index = unknown.findIndex(({ writes, begin }) => begin < revision && sameWrites(writes, made));
      if (index < 0) problems.push(`nobody wrote ${revision}: ${describe(made)}`);
      else unknown.splice(index, 1);
    }
    return problems;
  }

  #readProblems(states: States): readonly string[] {
    const problems: string[] = [];
    for (const { begin, revision, found, local } of this.#reads) {
      const kind = local ? "a local read" : "a read";
      if (revision < begin) problems.push(`${kind} at ${revision} began after ${begin} was known`);
      for (const [key, version] of found) {
        const state = at(states, key, revision);
        const truth = state?.value === undefined ? undefined : `${state.revision}: ${state.value}`;
        const told = version && `${version.revision}: ${version.value}`;
        if (told !== truth) problems.push(`${kind} of ${key} at ${revision} said ${told}, not ${truth}`);
      }
    }
    return problems;
  }

  /** A refusal names a revision that the key had at some moment of the call. */
  #mismatchProblems(states: States): readonly string[] {
    const problems: string[] = [];
    for (const { key, revision, current, begin } of this.#mismatches) {
      if (current === revision) problems.push(`${key} is at ${current}, and that was refused`);
      const versions = states.get(key) ?? [];
      const next = versions.find((version) => version.revision > current);
      const isReal =
        current === 0n ||
        versions.some((version) => version.revision === current && version.value !== undefined);
      if (!isReal) problems.push(`${key} was said to be at ${current}, which it never was`);
      if (current !== 0n && next !== undefined && next.revision <= begin) {
        problems.push(`${key} was said to be at ${current} after ${next.revision} was known (${begin})`);
      }
    }
    return problems;
  }
}

/** Every transaction, as a watch from the beginning tells it, up to `last()`, once that is known. */
export async function readTruth(
  client: KeyValueClient,
  last: () => number | undefined,
): Promise<Map<bigint, Writes>> {
  const truth = new Map<bigint, Writes>();
  const abort = new AbortController();
  for await (const { events, revision, resumeRevision } of client.watch(
    { startRevision: 0n },
    abort.signal,
  )) {
    if (events.length > 0) truth.set(revision, new Map(events.map(toWrite)));
    if ((resumeRevision ?? 0n) >= (last() ?? Number.POSITIVE_INFINITY)) break;
  }
  abort.abort();
  return truth;
}

function toWrite({ type, entry }: Event): [string, string | undefined] {
  return [entry?.key ?? "", type === Event_Type.PUT ? (entry?.value ?? "") : undefined];
}

type States = ReadonlyMap<string, readonly State[]>;

/** What each key was from each of its revisions on. */
function statesOf(truth: ReadonlyMap<bigint, Writes>): States {
  const states = new Map<string, State[]>();
  for (const [revision, writes] of truth) {
    for (const [key, value] of writes) {
      const of = states.get(key) ?? [];
      of.push({ revision, value });
      states.set(key, of);
    }
  }
  return states;
}

/** The last state at or before `revision`. */
function at(states: States, key: string, revision: bigint): State | undefined {
  const of = states.get(key) ?? [];
  let [low, high] = [0, of.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((of[middle] as State).revision <= revision) low = middle + 1;
    else high = middle;
  }
  return of[low - 1];
}

function has(states: States, key: string, revision: bigint): boolean {
  return at(states, key, revision)?.value !== undefined;
}

function sameWrites(a: Writes, b: Writes): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.has(key) && b.get(key) === value);
}

function describe(writes: Writes | undefined): string {
  return JSON.stringify([...(writes ?? [])].map(([key, value]) => [key, value ?? "deleted"]));
}
