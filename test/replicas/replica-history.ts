import { type Event, Event_Type } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";

/** The new value of each key in a transaction; undefined: deleted. */
export type Writes = ReadonlyMap<string, string | undefined>;

/** The revision of a key that a write requires. */
export interface Expectation {
  readonly key: string;
  readonly revision: bigint;
}

interface WriteRecord {
  /** The newest revision in any response before the call began. */
  readonly begin: bigint;
  /** undefined: the outcome is unknown. */
  readonly revision: bigint | undefined;
  readonly writes: Writes;
  readonly expected: Expectation | undefined;
}

interface ReadRecord {
  readonly begin: bigint;
  /** The revision of the store in the response. */
  readonly revision: bigint;
  /** The revision and value of each key; undefined when the key was missing. */
  readonly found: ReadonlyMap<string, Version | undefined>;
  /** Whether it is a LOCAL read: at least as new as the earlier responses of the same replica. */
  readonly local: boolean;
}

interface Mismatch extends Expectation {
  readonly begin: bigint;
  readonly current: bigint;
}

/** The revision of the write, the current revision after a refusal, or undefined when the outcome is unknown. */
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
 * The writes and reads of all clients through several replicas. Writes are ordered by revision, and the order must be
 * linearizable: a call comes after every revision in a response before it, and each response is the state at its revision.
 * Values are unique, so that a value identifies its write.
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
  readonly #returnedBy = new Map<unknown, bigint>();

  /** Records a write that changes the store, if it is applied. */
  write(writes: Writes, expected: Expectation | undefined, send: () => Promise<Outcome>): Promise<void> {
    return this.#record(writes, expected, async () => ({ outcome: await send(), changed: true }));
  }

  /** Records a delete, which is a read when the key is missing. */
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
    else this.acknowledge(outcome);
    if (outcome !== undefined && !changed) {
      const found = new Map([...writes.keys()].map((key) => [key, undefined]));
      this.#reads.push({ begin, revision: outcome, found, local: false });
    } else {
      this.#writes.push({ begin, revision: outcome, writes, expected });
    }
  }

  /** Records a read. `replica` is given for LOCAL reads. */
  async read(
    send: () => Promise<Pick<ReadRecord, "revision" | "found"> | undefined>,
    replica?: unknown,
  ): Promise<void> {
    const begin = replica === undefined ? this.acknowledged : (this.#returnedBy.get(replica) ?? 0n);
    const response = await send();
    this.operations++;
    if (response === undefined) {
      this.refused++;
      return;
    }
    this.#reads.push({ begin, ...response, local: replica !== undefined });
    this.acknowledge(response.revision);
    if (replica !== undefined && response.revision > (this.#returnedBy.get(replica) ?? 0n)) {
      this.#returnedBy.set(replica, response.revision);
    }
  }

  acknowledge(revision: bigint): void {
    if (revision > this.acknowledged) this.acknowledged = revision;
  }

  /** Returns the contradictions between the records and the events of all transactions. */
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
          problems.push(`${value} was refused, but was written at ${revision}`);
        revisions.set(value, revision);
      }
    }
    const claimed = new Set<bigint>();
    const unknown: WriteRecord[] = [];
    for (const write of this.#writes) {
      const values = [...write.writes.values()].filter((value) => value !== undefined);
      const revision = write.revision ?? revisions.get(values[0] ?? "");
      if (revision === undefined) {
        // The event of a delete does not identify its call.
        if (values.length === 0) unknown.push(write);
        continue;
      }
      if (claimed.has(revision)) problems.push(`two writes returned revision ${revision}`);
      claimed.add(revision);
      if (revision <= write.begin)
        problems.push(`the write of ${revision} began after revision ${write.begin} was returned`);
      const made = truth.get(revision);
      const missing = [...write.writes].filter(
        ([key, value]) => value !== undefined || has(states, key, revision - 1n),
      );
      if (made === undefined || !sameWrites(new Map(missing), made)) {
        problems.push(`revision ${revision} is ${describe(made)}; expected ${describe(write.writes)}`);
      }
      const { expected } = write;
      if (expected && at(states, expected.key, revision - 1n)?.revision !== expected.revision) {
        problems.push(
          `${revision} required ${expected.key} at ${expected.revision}, which was not its revision`,
        );
      }
    }
    for (const [revision, made] of truth) {
      if (claimed.has(revision)) continue;
      const index = unknown.findIndex(({ writes, begin }) => begin < revision && sameWrites(writes, made));
      if (index < 0) problems.push(`no call wrote revision ${revision}: ${describe(made)}`);
      else unknown.splice(index, 1);
    }
    return problems;
  }

  #readProblems(states: States): readonly string[] {
    const problems: string[] = [];
    for (const { begin, revision, found, local } of this.#reads) {
      const kind = local ? "a local read" : "a read";
      if (revision < begin)
        problems.push(`${kind} returned ${revision} after revision ${begin} was returned`);
      for (const [key, version] of found) {
        const state = at(states, key, revision);
        const truth = state?.value === undefined ? undefined : `${state.revision}: ${state.value}`;
        const returned = version && `${version.revision}: ${version.value}`;
        if (returned !== truth)
          problems.push(`${kind} of ${key} at ${revision} returned ${returned}; expected ${truth}`);
      }
    }
    return problems;
  }

  /** A refusal must name a revision of the key at some moment of the call. */
  #mismatchProblems(states: States): readonly string[] {
    const problems: string[] = [];
    for (const { key, revision, current, begin } of this.#mismatches) {
      if (current === revision) problems.push(`${key} was refused at ${current}, the required revision`);
      const versions = states.get(key) ?? [];
      const next = versions.find((version) => version.revision > current);
      const isReal =
        current === 0n ||
        versions.some((version) => version.revision === current && version.value !== undefined);
      if (!isReal) problems.push(`a refusal named ${key} at ${current}, which it never had`);
      if (current !== 0n && next !== undefined && next.revision <= begin) {
        problems.push(`a refusal named ${key} at ${current} after ${next.revision} (${begin} was returned)`);
      }
    }
    return problems;
  }
}

/** Returns every transaction of a watch from the beginning up to `last()`, once that is defined. */
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

/** Returns the states of each key in the order of their revisions. */
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

/** Returns the last state at or before `revision`. */
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
