import type { Entry } from "../../gen/duetkv/v1/key_value_pb.ts";

export type Value = string | Uint8Array<ArrayBuffer>;

export type Condition = { readonly revision: bigint } | { readonly exists: boolean };

export interface ModelEntry {
  readonly key: string;
  readonly value: Value;
  readonly revision: bigint;
  readonly createRevision: bigint;
  readonly version: bigint;
  readonly expires: boolean;
}

export interface Check {
  readonly key: string;
  readonly condition: Condition;
}

/** Without a value: a delete. */
export interface Mutation {
  readonly key: string;
  readonly value?: Value;
  readonly expires?: boolean;
}

export interface ListOptions {
  readonly prefix?: string;
  readonly start?: string;
  readonly end?: string;
  readonly reverse?: boolean;
}

/** The store in its plainest form: a Map and a counter. Answers are what the API must say, "reason" when it must fail. */
export class Model {
  revision = 0n;
  readonly entries = new Map<string, ModelEntry>();

  commit(checks: readonly Check[], mutations: readonly Mutation[]) {
    for (const { key, condition } of checks) {
      const reason = this.#failure(key, condition);
      if (reason !== undefined) return { reason, currentRevision: this.entries.get(key)?.revision ?? 0n };
    }
    const results = mutations.map(({ key }) => this.entries.has(key));
    const changes = mutations.filter(({ key, value }) => value !== undefined || this.entries.has(key));
    if (changes.length > 0) this.revision++;
    for (const change of changes) this.#apply(change);
    return { revision: this.revision, deleted: results };
  }

  list({ prefix = "", start = "", end = "", reverse = false }: ListOptions): readonly ModelEntry[] {
    const found = [...this.entries.values()]
      .filter(({ key }) => key.startsWith(prefix))
      .filter(({ key }) => compareKeys(key, start) >= 0 && (end === "" || compareKeys(key, end) < 0))
      .toSorted((a, b) => compareKeys(a.key, b.key));
    return reverse ? found.toReversed() : found;
  }

  #failure(key: string, condition: Condition): string | undefined {
    const revision = this.entries.get(key)?.revision;
    if ("revision" in condition) return revision === condition.revision ? undefined : "REVISION_MISMATCH";
    if (condition.exists === (revision !== undefined)) return undefined;
    return condition.exists ? "REVISION_MISMATCH" : "KEY_EXISTS";
  }

  #apply({ key, value, expires = false }: Mutation): void {
    const previous = this.entries.get(key);
    const { revision } = this;
    if (value === undefined) this.entries.delete(key);
    else {
      const createRevision = previous?.createRevision ?? revision;
      const version = (previous?.version ?? 0n) + 1n;
      this.entries.set(key, { key, value, revision, createRevision, version, expires });
    }
  }
}

/** An answer's entry in the model's words; without its value where the API leaves it out. */
export function fromEntry({ key, value, bytesValue, revision, createRevision, version, expireTime }: Entry) {
  const held = value ?? (bytesValue && new Uint8Array(bytesValue));
  return { key, value: held, revision, createRevision, version, expires: expireTime !== undefined };
}

export function withoutValue(entry: ModelEntry | undefined) {
  return entry && { ...entry, value: undefined };
}

function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
