import type { Entry } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";
import type { Random } from "../support/random.ts";

type Value = string | Uint8Array;

/** What is known of an entry without its times. */
interface Known {
  readonly value: Value;
  /** undefined: written by a call that was never answered. */
  readonly revision: bigint | undefined;
  readonly version: bigint;
}

type State = ReadonlyMap<string, Known>;

/** Values to put, undefined for a delete. One change is a Put or a Delete, several are one Commit. */
type Changes = ReadonlyMap<string, Value | undefined>;

/** Writes to its own keys, one call at a time, and knows what must be there after a crash. */
export class CrashWriter {
  readonly keys: readonly string[];
  /** Revisions of its writes, acknowledged or seen after a restart. */
  readonly revisions: bigint[] = [];
  #state: State = new Map();
  #pending: State | undefined;
  #writes = 0;

  constructor(name: string, keyCount: number) {
    this.keys = Array.from({ length: keyCount }, (_, index) => `${name}/${index}`);
  }

  /** One write that changes something. Rejects when it was not acknowledged. */
  async write(client: KeyValueClient, random: Random): Promise<void> {
    const changes = this.#randomChanges(random);
    this.#pending = this.#after(changes, undefined);
    const revision = await send(client, changes);
    this.#state = this.#after(changes, revision);
    this.#pending = undefined;
    this.revisions.push(revision);
  }

  /**
   * Compares what a restarted server holds of its keys with what it may hold: all that was acknowledged and, wholly or
   * not at all, the write that was under way. Returns what is wrong.
   */
  check(entries: readonly Entry[]): string | undefined {
    const found = new Map(entries.map((entry) => [entry.key, entry]));
    const pending = this.#pending;
    this.#pending = undefined;
    const differenceFromState = difference(this.#state, found);
    if (differenceFromState === undefined) return undefined;
    if (pending === undefined) return differenceFromState;
    const differenceFromPending = difference(pending, found);
    if (differenceFromPending !== undefined) return `${differenceFromState}; ${differenceFromPending}`;
    return this.#adopt(pending, found);
  }

  /** The write under way did happen, at one revision: learn it, if it left an entry that shows it. */
  #adopt(pending: State, found: ReadonlyMap<string, Entry>): string | undefined {
    const written = [...pending].filter(([, { revision }]) => revision === undefined).map(([key]) => key);
    const revisions = new Set(written.map((key) => found.get(key)?.revision ?? 0n));
    if (revisions.size > 1)
      return `one commit of ${written.join(", ")} has revisions ${[...revisions].join(", ")}`;
    const [revision] = revisions;
    // A delete leaves nothing behind that tells its revision.
    this.revisions.push(revision ?? 0n);
    this.#state = new Map(
      [...pending].map(([key, known]) => [key, { ...known, revision: known.revision ?? revision }]),
    );
    return undefined;
  }

  #randomChanges(random: Random): Changes {
    const count = random.chance(0.3) ? 2 + random.below(this.keys.length - 1) : 1;
    const first = random.below(this.keys.length);
    const keys = Array.from(
      { length: count },
      (_, index) => this.keys[(first + index) % this.keys.length] as string,
    );
    this.#writes++;
    return new Map(
      keys.map((key) => [key, this.#state.has(key) && random.chance(0.25) ? undefined : this.#value(random)]),
    );
  }

  #value(random: Random): Value {
    const text = `${this.#writes} `.repeat(1 + random.below(400));
    return random.chance(0.5) ? text : new TextEncoder().encode(text);
  }

  #after(changes: Changes, revision: bigint | undefined): State {
    const state = new Map(this.#state);
    for (const [key, value] of changes) {
      if (value === undefined) state.delete(key);
      else state.set(key, { value, revision, version: (this.#state.get(key)?.version ?? 0n) + 1n });
    }
    return state;
  }
}

async function send(client: KeyValueClient, changes: Changes): Promise<bigint> {
  const [[key, value] = ["", undefined]] = changes;
  if (changes.size > 1) {
    const mutations = [...changes].map(toMutation);
    return (await client.commit({ mutations })).revision;
  }
  if (value === undefined) return (await client.delete({ key })).revision;
  return (await client.put({ key, ...toFields(value) })).revision;
}

function toMutation([key, value]: [string, Value | undefined]) {
  return {
    kind:
      value === undefined
        ? { case: "delete" as const, value: { key } }
        : { case: "put" as const, value: { key, ...toFields(value) } },
  };
}

function toFields(value: Value): { value: string } | { bytesValue: Uint8Array<ArrayBuffer> } {
  return typeof value === "string" ? { value } : { bytesValue: new Uint8Array(value) };
}

function difference(expected: State, found: ReadonlyMap<string, Entry>): string | undefined {
  for (const [key, { value, revision, version }] of expected) {
    const entry = found.get(key);
    if (entry === undefined) return `${key} of revision ${revision} is gone`;
    if (revision !== undefined && entry.revision !== revision) {
      return `${key} has revision ${entry.revision} instead of ${revision}`;
    }
    const isSame = typeof value === "string" ? entry.value === value : sameBytes(value, entry.bytesValue);
    if (!isSame) return `${key} of revision ${entry.revision} has another value`;
    if (entry.version !== version) return `${key} has version ${entry.version} instead of ${version}`;
  }
  for (const key of found.keys()) if (!expected.has(key)) return `${key} is there, although it was deleted`;
  return undefined;
}

function sameBytes(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.compare(a, b) === 0;
}
