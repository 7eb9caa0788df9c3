import type { Batch, Check } from "./kv.ts";
import type { PreconditionMessage } from "./messages.ts";
import type { Values } from "./values.ts";

interface CheckMessage {
  readonly key: string;
  readonly precondition: PreconditionMessage;
}

/** Revision 0 is how an entry that does not exist is seen. */
export function toPrecondition(revision: number): PreconditionMessage {
  return revision === 0 ? { exists: false } : { revision };
}

/** The checks and mutations of a commit. */
export class Mutations<T> implements Batch<T> {
  readonly checks: CheckMessage[] = [];
  readonly changes: object[] = [];
  readonly #values: Values<T>;

  constructor(values: Values<T>) {
    this.#values = values;
  }

  check(check: Check): this {
    const precondition = "exists" in check ? { exists: check.exists } : toPrecondition(check.revision);
    this.checks.push({ key: this.#values.prefix + check.key, precondition });
    return this;
  }

  put(key: string, value: T, options: { readonly ttlMs?: number } = {}): this {
    this.changes.push({ put: this.#values.toPut(key, value, options.ttlMs) });
    return this;
  }

  delete(key: string): this {
    this.changes.push({ delete: { key: this.#values.prefix + key } });
    return this;
  }
}
