/**
 * A database of the Level ecosystem: `new DuetLevel(client.scope("level/"))` has the API of abstract-level.
 *
 * @module
 */
import { AbstractIterator, AbstractLevel } from "abstract-level";
import { deleteRange } from "./delete-range.ts";
import { compareUtf8 } from "./key-bounds.ts";
import type { Kv } from "./kv.ts";

/** A value as it is stored. */
export type Stored = string | Uint8Array;

/** A range as abstract-level passes it, with encoded keys. A limit below 0 is none. */
interface LevelRange {
  readonly gt?: string;
  readonly gte?: string;
  readonly lt?: string;
  readonly lte?: string;
  readonly reverse: boolean;
  readonly limit: number;
}

interface IteratorOptions extends LevelRange {
  /** Whether the values are needed. */
  readonly values: boolean;
}

type Operation =
  | { readonly type: "put"; readonly key: string; readonly value: string }
  | { readonly type: "del"; readonly key: string };

/**
 * Keys and values are text; those in another encoding are stored as its text form. A batch is one commit. An iterator reads
 * the revision at which it reads its first entry. Closing the database leaves the client open.
 */
export class DuetLevel<Key = string, Value = string> extends AbstractLevel<string, Key, Value> {
  readonly #kv: Kv<Stored>;

  /** The keys of `kv`; an empty key needs a scope with a prefix. */
  constructor(kv: Kv<Stored>, options: { keyEncoding?: string; valueEncoding?: string } = {}) {
    const encodings = { utf8: true };
    super({ encodings, has: true, seek: true, permanence: true, implicitSnapshots: false }, options);
    this.#kv = kv;
  }

  protected async _get(key: string): Promise<string | undefined> {
    const entry = await this.#kv.get(key);
    return entry && toText(entry.value);
  }

  protected async _getMany(keys: readonly string[]): Promise<(string | undefined)[]> {
    return this.#read(keys);
  }

  protected async _has(key: string): Promise<boolean> {
    return (await this.#kv.get(key)) !== undefined;
  }

  protected async _hasMany(keys: readonly string[]): Promise<boolean[]> {
    return (await this.#read(keys)).map((value) => value !== undefined);
  }

  protected async _put(key: string, value: string): Promise<void> {
    await this.#kv.put(key, value);
  }

  protected async _del(key: string): Promise<void> {
    await this.#kv.delete(key);
  }

  protected async _batch(operations: readonly Operation[]): Promise<void> {
    // A commit changes a key once: the last operation counts.
    const last = new Map(operations.map((operation) => [operation.key, operation]));
    await this.#kv.commit((batch) => {
      for (const operation of last.values()) {
        if (operation.type === "put") batch.put(operation.key, operation.value);
        else batch.delete(operation.key);
      }
    });
  }

  protected async _clear(options: LevelRange): Promise<void> {
    const { start, end } = toBounds(options);
    if (end === "") return;
    const { reverse, limit } = options;
    await deleteRange(this.#kv, toRange(start, end), { reverse, ...(limit >= 0 && { limit }) });
  }

  protected _iterator(options: IteratorOptions): AbstractIterator<this, string, string> {
    return new RangeIterator(this, this.#kv, options);
  }

  async #read(keys: readonly string[]): Promise<(string | undefined)[]> {
    const { entries } = await this.#kv.getMany(keys);
    return keys.map((key) => {
      const entry = entries.get(key);
      return entry && toText(entry.value);
    });
  }
}

class RangeIterator<Database> extends AbstractIterator<Database, string, string> {
  readonly #kv: Kv<Stored>;
  readonly #options: IteratorOptions;
  #start: string;
  #end: string | undefined;
  #entries: AsyncGenerator<[string, string], void, undefined> | undefined;

  constructor(database: Database, kv: Kv<Stored>, options: IteratorOptions) {
    super(database, options);
    this.#kv = kv;
    this.#options = options;
    const { start, end } = toBounds(options);
    this.#start = start;
    this.#end = end;
  }

  protected async _next(): Promise<[string, string] | undefined> {
    this.#entries ??= this.#read();
    return (await this.#entries.next()).value ?? undefined;
  }

  /** Goes on with the first key from `target` on, in the direction of the iterator and within its range. */
  protected _seek(target: string): void {
    const { start, end } = toBounds(this.#options);
    this.#start = start;
    this.#end = end;
    if (!this.#options.reverse) {
      if (compareUtf8(target, start) > 0) this.#start = target;
    } else if (end === undefined || compareUtf8(target, end) < 0) this.#end = after(target);
    void this.#entries?.return();
    this.#entries = undefined;
  }

  protected async _close(): Promise<void> {
    await this.#entries?.return();
  }

  async *#read(): AsyncGenerator<[string, string], void, undefined> {
    const { values, reverse, limit } = this.#options;
    // Without a scope an empty end would be none.
    if (this.#end === "") return;
    const range = toRange(this.#start, this.#end);
    const options = { reverse, ...(limit > 0 && { pageSize: Math.min(limit, 1000) }) };
    if (values) {
      for await (const { key, value } of this.#kv.list(range, options)) yield [key, toText(value)];
    } else {
      for await (const key of this.#kv.keys(range, options)) yield [key, ""];
    }
  }
}

/** As in Level, `gte` and `lte` count where `gt` and `lt` are given, too. */
function toBounds({ gt, gte, lt, lte }: LevelRange): { start: string; end: string | undefined } {
  const start = gte ?? (gt === undefined ? "" : after(gt));
  return { start, end: lte === undefined ? lt : after(lte) };
}

function toRange(start: string, end: string | undefined): { start: string; end?: string } {
  return end === undefined ? { start } : { start, end };
}

/** The first key after this one: keys have no NUL. */
function after(key: string): string {
  return `${key}\u0001`;
}

function toText(value: Stored): string {
  return typeof value === "string" ? value : new TextDecoder().decode(value);
}
