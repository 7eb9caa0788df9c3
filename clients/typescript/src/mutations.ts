import type { Batch, Check } from "./kv.ts";
import type { PreconditionMessage } from "./messages.ts";
import type { Values } from "./values.ts";

interface CheckMessage {
  readonly key: string;
  readonly precondition: PreconditionMessage;
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
    const key = this.#values.prefix + check.key;
    if ("exists" in check) this.checks.push({ key, precondition: { exists: check.exists } });
    // Revision 0 is how an entry that does not exist is seen.
    else if (check.revision === 0) this.checks.push({ key, precondition: { exists: false } });
    else this.checks.push({ key, precondition: { revision: check.revision } });
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
