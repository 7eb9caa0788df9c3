import { type Caller, type CallOptions, within } from "./caller.ts";
import { ConflictError, HistoryGoneError } from "./errors.ts";
import { type GetBatch, ifExists, readMany, readOne } from "./get-batch.ts";
import { compareUtf8, type ListRange, toListRange } from "./key-bounds.ts";
import type * as kv from "./kv.ts";
import type {
  CommitResponse,
  DeleteResponse,
  EntryMessage,
  EntryResponse,
  HistoryResponse,
  ListResponse,
} from "./messages.ts";
import { Mutations, toPrecondition } from "./mutations.ts";
import { pause } from "./pause.ts";
import { Transaction } from "./transaction.ts";
import { toDuration, Values } from "./values.ts";
import { ResumingWatch } from "./watch.ts";

/** The keys below a prefix. */
export class Keyspace<T> implements kv.Kv<T> {
  protected readonly caller: Caller;
  /** Undefined: gets are not gathered. */
  readonly #batch: GetBatch | undefined;
  readonly #values: Values<T>;

  constructor(caller: Caller, batch: GetBatch | undefined, values: Values<T>) {
    this.caller = caller;
    this.#batch = batch;
    this.#values = values;
  }

  async get(key: string, options: kv.Read = {}): Promise<kv.Entry<T> | undefined> {
    const entry = await this.#get(key, options);
    return entry && this.#values.toEntry(entry);
  }

  async getMany(keys: readonly string[], options: kv.Read = {}) {
    if (keys.length === 0) return { revision: 0, entries: new Map<string, kv.Entry<T>>() };
    const whole = keys.map((key) => this.#values.prefix + key);
    // While later parts are read, the history may leave the revision of the first behind.
    const { revision, entries = [] } = await this.#again(
      options,
      (rest) => readMany(this.caller, whole, toRead(rest), rest),
      options.atRevision === undefined,
    );
    const toPair = (entry: EntryMessage) =>
      [this.#values.toKey(entry.key), this.#values.toLazyEntry(entry)] as const;
    return { revision: Number(revision), entries: new Map(entries.map(toPair)) };
  }

  async *list(range: kv.Range = {}, options: kv.List = {}): AsyncGenerator<kv.Entry<T>, void, undefined> {
    for await (const { entries = [] } of this.#lists(range, options)) {
      for (const entry of entries) yield this.#values.toLazyEntry(entry);
    }
  }

  async *keys(range: kv.Range = {}, options: kv.List = {}): AsyncGenerator<string, void, undefined> {
    for await (const { entries = [] } of this.#lists(range, options, { keysOnly: true })) {
      for (const { key } of entries) yield this.#values.toKey(key);
    }
  }

  async count(range: kv.Range = {}, options: kv.Read = {}): Promise<number> {
    if ("key" in range) return (await this.#get(range.key, options)) === undefined ? 0 : 1;
    const request = { ...this.#toRange(range), ...toRead(options), countOnly: true };
    return Number((await this.caller.read<ListResponse>("List", request, options)).count ?? 0);
  }

  async *dirs(prefix = "", options: kv.List = {}): AsyncGenerator<string, void, undefined> {
    const direction = options.reverse === true ? -1 : 1;
    const level = { keysOnly: true, delimiter: "/" };
    for await (const { entries = [], prefixes = [] } of this.#lists({ prefix }, options, level)) {
      const names = [...entries.map(({ key }) => key), ...prefixes];
      for (const name of names.toSorted((one, other) => direction * compareUtf8(one, other))) {
        yield this.#values.toKey(name);
      }
    }
  }

  async put(key: string, value: T, options: kv.Put = {}): Promise<kv.Head> {
    const request = { ...this.#values.toPut(key, value, options.ttlMs), ...toCondition(options) };
    return this.#values.toHead((await this.caller.write<EntryResponse>("Put", request, options)).entry);
  }

  create(key: string, value: T, options: kv.Put = {}): Promise<kv.Head> {
    return this.put(key, value, { ...options, ifRevision: 0 });
  }

  replace({ key, revision }: kv.Head, value: T, options: kv.Put = {}): Promise<kv.Head> {
    return this.put(key, value, { ...options, ifRevision: revision });
  }

  async update(
    key: string,
    change: (entry: kv.Entry<T> | undefined) => T | undefined | Promise<T | undefined>,
    options: kv.Put = {},
  ): Promise<kv.Head | undefined> {
    return this.#again(options, async (rest) => {
      const seen = await readOne(this.caller, this.#values.prefix + key, {}, rest);
      const entry = seen && this.#values.toEntry(seen);
      const value = await change(entry);
      if (value === undefined) return undefined;
      return this.put(key, value, { ...rest, ifRevision: entry?.revision ?? 0 });
    });
  }

  async touch(key: string, options: kv.Put = {}): Promise<kv.Head | undefined> {
    const { ttlMs } = options;
    const ttl = ttlMs === undefined ? {} : { ttl: toDuration(ttlMs) };
    const request = { key: this.#values.prefix + key, ...ttl, ...toCondition(options) };
    const response = await ifExists(this.caller.write<EntryResponse>("Touch", request, options));
    return response && this.#values.toHead(response.entry);
  }

  async delete(key: string, options: kv.Write = {}): Promise<boolean> {
    const request = { key: this.#values.prefix + key, ...toCondition(options) };
    return (await this.caller.write<DeleteResponse>("Delete", request, options)).deleted === true;
  }

  async commit(build: (batch: kv.Batch<T>) => void, options: CallOptions = {}): Promise<kv.CommitResult> {
    const mutations = new Mutations(this.#values);
    const built: unknown = build(mutations);
    if (built instanceof Promise) throw new TypeError("a commit cannot be built by an async function");
    return this.#commit(mutations, options);
  }

  async transact<R>(body: (transaction: kv.Txn<T>) => Promise<R>, options: CallOptions = {}): Promise<R> {
    return this.#again(options, async (rest) => {
      const transaction = new Transaction(this.#values, (key, atRevision) =>
        readMany(this.caller, [key], { atRevision }, rest),
      );
      const result = await body(transaction);
      const mutations = await transaction.finish();
      // A transaction that only reads has read one revision, and needs no commit.
      if (mutations !== undefined) await this.#commit(mutations, rest);
      return result;
    });
  }

  watch(target: kv.Target = { prefix: "" }, options: kv.WatchOptions = {}): kv.Watch<T> {
    const whole = (key: string) => this.#values.prefix + key;
    const { key, prefix, keys = listOf(key), prefixes = listOf(prefix) }: TargetFields = target;
    // To the service, nothing means everything.
    if (keys.length + prefixes.length === 0) throw new TypeError("nothing to watch");
    const request = { keys: keys.map(whole), prefixes: prefixes.map(whole) };
    return new ResumingWatch(this.caller, this.#values, request, options);
  }

  async *history(key: string, options: CallOptions = {}): AsyncGenerator<kv.Change<T>, void, undefined> {
    const request = { key: this.#values.prefix + key };
    for await (const { events = [] } of this.#pages<HistoryResponse>("History", request, options)) {
      for (const event of events) yield this.#values.toChange(event);
    }
  }

  scope(prefix: string): kv.Kv<T>;
  scope<U>(prefix: string, codec: kv.Codec<U>): kv.Kv<U>;
  scope(prefix: string, codec: kv.Codec<unknown> = this.#values.codec): kv.Kv<unknown> {
    return new Keyspace(this.caller, this.#batch, new Values(this.#values.prefix + prefix, codec));
  }

  async #get(key: string, options: kv.Read): Promise<EntryMessage | undefined> {
    const whole = this.#values.prefix + key;
    const read = toRead(options);
    const isAlike = options.signal === undefined && options.timeoutMs === undefined;
    return this.#batch !== undefined && isAlike
      ? this.#batch.get(whole, read)
      : readOne(this.caller, whole, read, options);
  }

  async *#lists(
    range: kv.Range,
    options: kv.List,
    more: object = {},
  ): AsyncGenerator<ListResponse, void, undefined> {
    if ("key" in range) {
      const entry = await this.#get(range.key, options);
      yield { revision: "", entries: entry === undefined ? [] : [entry] };
      return;
    }
    const { reverse, pageSize } = options;
    const request = { ...this.#toRange(range), ...toRead(options), reverse, pageSize, ...more };
    yield* this.#pages("List", request, options);
  }

  /** Page after page: one may be empty although more follow. */
  async *#pages<Page extends { readonly nextPageToken?: string }>(
    method: string,
    request: object,
    options: CallOptions,
  ): AsyncGenerator<Page, void, undefined> {
    let pageToken: string | undefined;
    do {
      const page: Page = await this.caller.read<Page>(method, { ...request, pageToken }, options);
      yield page;
      pageToken = page.nextPageToken;
    } while (pageToken);
  }

  async #commit({ checks, changes }: Mutations<T>, options: CallOptions): Promise<kv.CommitResult> {
    const request = { checks, mutations: changes };
    const { revision, results = [] } = await this.caller.write<CommitResponse>("Commit", request, options);
    const toResult = ({ entry, deleted = false }: { entry?: EntryMessage; deleted?: boolean }) =>
      entry === undefined ? { deleted } : { put: this.#values.toHead(entry) };
    return { revision: Number(revision), results: results.map(toResult) };
  }

  /** Repeats what lost against another writer until the time of the call is over; `rest` has what is left of it. */
  async #again<Options extends CallOptions, R>(
    options: Options,
    attempt: (rest: Options) => Promise<R>,
    mayRepeat = true,
  ): Promise<R> {
    const rest = within(options, options.timeoutMs ?? this.caller.timeoutMs);
    for (let failures = 1; ; failures++) {
      try {
        return await attempt(rest);
      } catch (error) {
        const pauseMs = this.caller.backoffMs(failures) * Math.random();
        const isLost = error instanceof ConflictError || error instanceof HistoryGoneError;
        if (!isLost || !mayRepeat || pauseMs >= (rest.timeoutMs as number) - 1) throw error;
        await pause(pauseMs, options.signal ?? this.caller.signal);
      }
    }
  }

  #toRange(range: Exclude<kv.Range, { key: string }>): ListRange {
    return toListRange(this.#values.prefix, range);
  }
}

type TargetFields = Partial<
  Record<"key" | "prefix", string> & Record<"keys" | "prefixes", readonly string[]>
>;

function listOf(value: string | undefined): readonly string[] {
  return value === undefined ? [] : [value];
}

function toRead({ local, minRevision, atRevision }: kv.Read) {
  return { ...(local === true && { consistency: "LOCAL" }), minRevision, atRevision };
}

function toCondition({ ifRevision }: kv.Write): object {
  return ifRevision === undefined ? {} : { precondition: toPrecondition(ifRevision) };
}
