import type { Caller } from "./caller.ts";
import { DuetError } from "./errors.ts";
import type { BatchGetResponse, EntryMessage, EntryResponse } from "./messages.ts";

/** As many as the service takes at once. */
const keysMax = 1000;

/** Failures of a batch that one of its keys may have caused: they are told apart by asking for fewer. */
const keyCodes = new Set(["invalid_argument", "permission_denied", "resource_exhausted"]);

interface Waiting {
  readonly key: string;
  readonly resolve: (entry: EntryMessage | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Gathers the gets of one microtask that are alike into one call. Each settles by itself. */
export class GetBatch {
  readonly #caller: Caller;
  /** By what they have in common beside the key. */
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Resolves with the entry of a whole key. `read` is what else the request has. */
  get(key: string, read: object): Promise<EntryMessage | undefined> {
    const kind = JSON.stringify(read);
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(kind);
      if (waiting !== undefined) {
        waiting.push({ key, resolve, reject });
        return;
      }
      this.#waiting.set(kind, [{ key, resolve, reject }]);
      queueMicrotask(() => this.#send(kind, read));
    });
  }

  #send(kind: string, read: object): void {
    const all = this.#waiting.get(kind) as Waiting[];
    this.#waiting.delete(kind);
    const byKey = new Map<string, Waiting[]>();
    for (const each of all) byKey.set(each.key, [...(byKey.get(each.key) ?? []), each]);
    const keys = [...byKey];
    for (let start = 0; start < keys.length; start += keysMax) {
      void this.#settle(keys.slice(start, start + keysMax), read);
    }
  }

  async #settle(keys: readonly (readonly [string, readonly Waiting[]])[], read: object): Promise<void> {
    try {
      const found = await this.#read(
        keys.map(([key]) => key),
        read,
      );
      for (const [key, waiting] of keys) for (const { resolve } of waiting) resolve(found.get(key));
    } catch (error) {
      if (keys.length > 1 && error instanceof DuetError && keyCodes.has(error.code)) {
        const half = Math.ceil(keys.length / 2);
        await Promise.all([this.#settle(keys.slice(0, half), read), this.#settle(keys.slice(half), read)]);
        return;
      }
      for (const [, waiting] of keys) for (const { reject } of waiting) reject(error);
    }
  }

  async #read(keys: readonly string[], read: object): Promise<ReadonlyMap<string, EntryMessage>> {
    if (keys.length > 1) {
      const { entries = [] } = await this.#caller.read<BatchGetResponse>("BatchGet", { keys, ...read });
      return new Map(entries.map((entry) => [entry.key, entry]));
    }
    const entry = await readOne(this.#caller, keys[0] as string, read);
    return new Map(entry === undefined ? [] : [[entry.key, entry]]);
  }
}

/** Resolves with undefined if there is no such key. */
export async function readOne(
  caller: Caller,
  key: string,
  read: object,
  options: { timeoutMs?: number | undefined; signal?: AbortSignal | undefined } = {},
): Promise<EntryMessage | undefined> {
  try {
    return (await caller.read<EntryResponse>("Get", { key, ...read }, options)).entry;
  } catch (error) {
    if (error instanceof DuetError && error.reason === "NO_SUCH_KEY") return undefined;
    throw error;
  }
}
