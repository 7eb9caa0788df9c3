import { type Caller, type CallOptions, within } from "./caller.ts";
import { DuetError } from "./errors.ts";
import type { BatchGetResponse, EntryMessage, EntryResponse } from "./messages.ts";

/** As many as the service takes at once. */
const keysMax = 1000;

/** Failures of a batch that is too much at once. */
const sizeReasons = /^(RESPONSE_TOO_LARGE|TOO_MANY_OPERATIONS)$/;

/** Failures of a batch that one of its keys may have caused: they are told apart by asking for fewer. */
const keyReasons = /^(KEY_|RIGHT_MISSING)/;

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
      const waiting = this.#waiting.get(kind) ?? [];
      if (waiting.push({ key, resolve, reject }) > 1) return;
      this.#waiting.set(kind, waiting);
      queueMicrotask(() => this.#send(kind, read));
    });
  }

  #send(kind: string, read: object): void {
    const all = this.#waiting.get(kind) as Waiting[];
    this.#waiting.delete(kind);
    void this.#settle(all, read, within({}, this.#caller.timeoutMs));
  }

  async #settle(all: readonly Waiting[], read: object, options: CallOptions): Promise<void> {
    const keys = [...new Set(all.map(({ key }) => key))];
    if (keys.length <= keysMax) {
      try {
        const entries = await this.#read(keys, read, options);
        const found = new Map(entries.map((entry) => [entry?.key, entry]));
        for (const { key, resolve } of all) resolve(found.get(key));
        return;
      } catch (error) {
        if (keys.length < 2 || !(isReason(error, keyReasons) || isReason(error, sizeReasons))) {
          for (const { reject } of all) reject(error);
          return;
        }
      }
    }
    await Promise.all(halves(all).map((half) => this.#settle(half, read, options)));
  }

  async #read(keys: readonly string[], read: object, options: CallOptions) {
    if (keys.length < 2) return [await readOne(this.#caller, keys[0] as string, read, options)];
    const response = await this.#caller.read<BatchGetResponse>("BatchGet", { keys, ...read }, options);
    return response.entries ?? [];
  }
}

/** Reads keys at one revision, in as many calls as the limits of the service ask for. */
export async function readMany(
  caller: Caller,
  keys: readonly string[],
  read: object,
  options: CallOptions,
): Promise<BatchGetResponse> {
  if (keys.length <= keysMax) {
    try {
      return await caller.read("BatchGet", { keys, ...read }, options);
    } catch (error) {
      if (keys.length < 2 || !isReason(error, sizeReasons)) throw error;
    }
  }
  const [left, right] = halves(keys);
  const first = await readMany(caller, left, read, options);
  const at = { ...read, atRevision: Number(first.revision) };
  const { entries = [] } = await readMany(caller, right, at, options);
  return { ...first, entries: [...(first.entries ?? []), ...entries] };
}

function isReason(error: unknown, reasons: RegExp): boolean {
  return error instanceof DuetError && reasons.test(error.reason);
}

function halves<Key>(keys: readonly Key[]): [Key[], Key[]] {
  const half = Math.ceil(keys.length / 2);
  return [keys.slice(0, half), keys.slice(half)];
}

/** Resolves with undefined if there is no such key. */
export async function readOne(
  caller: Caller,
  key: string,
  read: object,
  options: CallOptions,
): Promise<EntryMessage | undefined> {
  return (await ifExists(caller.read<EntryResponse>("Get", { key, ...read }, options)))?.entry;
}

/** The response; undefined if there is no such key. */
export async function ifExists<Response>(response: Promise<Response>): Promise<Response | undefined> {
  try {
    return await response;
  } catch (error) {
    if (isReason(error, /^NO_SUCH_KEY$/)) return undefined;
    throw error;
  }
}
