import { type Caller, type CallOptions, within } from "./caller.ts";
import { ConflictError, DuetError, HistoryGoneError } from "./errors.ts";
import { type GetBatch, readMany, readOne } from "./get-batch.ts";
import { compareUtf8, type ListRange, toListRange } from "./key-bounds.ts";
import type * as kv from "./kv.ts";
import type {
  BatchGetResponse,
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
    const whole = this.#values.prefix + key;
    const read = toRead(options);
    const isAlike = options.signal === undefined && options.timeoutMs === undefined;
    const entry =
      this.#batch !== undefined && isAlike
        ? await this.#batch.get(whole, read)
        : await readOne(this.caller, whole, read, options);
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
    if ("key" in range) {
      const entry = await this.get(range.key, options);
      if (entry !== undefined) yield entry;
      return;
    }
    for await (const { entries = [] } of this.#pages(this.#toRange(range), options)) {
      for (const entry of entries) yield this.#values.toLazyEntry(entry);
    }
  }

  async *keys(range: kv.Range = {}, options: kv.List = {}): AsyncGenerator<string, void, undefined> {
    if ("key" in range) {
      if ((await this.get(range.key, options)) !== undefined) yield range.key;
      return;
    }
    for await (const { entries = [] } of this.#pages({ ...this.#toRange(range), keysOnly: true }, options)) {
      for (const { key } of entries) yield this.#values.toKey(key);
    }
  }

  async count(range: kv.Range = {}, options: kv.Read = {}): Promise<number> {
    if ("key" in range) return (await this.get(range.key, options)) === undefined ? 0 : 1;
    const request = { ...this.#toRange(range), ...toRead(options), countOnly: true };
    return Number((await this.caller.read<ListResponse>("List", request, options)).count ?? 0);
  }

  async *dirs(prefix = "", options: kv.List = {}): AsyncGenerator<string, void, undefined> {
    const request = { prefix: this.#values.prefix + prefix, keysOnly: true, delimiter: "/" };
    const direction = options.reverse === true ? -1 : 1;
    for await (const { entries = [], prefixes = [] } of this.#pages(request, options)) {
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

  async create(key: string, value: T, options: kv.Put = {}): Promise<kv.Head> {
    const request = { ...this.#values.toPut(key, value, options.ttlMs), precondition: { exists: false } };
    return this.#values.toHead((await this.caller.write<EntryResponse>("Put", request, options)).entry);
  }

  async replace(seen: kv.Head, value: T, options: kv.Put = {}): Promise<kv.Head> {
    return this.put(seen.key, value, { ...options, ifRevision: seen.revision });
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
      return entry === undefined ? this.create(key, value, rest) : this.replace(entry, value, rest);
    });
  }

  async touch(key: string, options: kv.Put = {}): Promise<kv.Head | undefined> {
    const { ttlMs } = options;
    const ttl = ttlMs === undefined ? {} : { ttl: toDuration(ttlMs) };
    const request = { key: this.#values.prefix + key, ...ttl, ...toCondition(options) };
    try {
      return this.#values.toHead((await this.caller.write<EntryResponse>("Touch", request, options)).entry);
    } catch (error) {
      if (error instanceof DuetError && error.reason === "NO_SUCH_KEY") return undefined;
      throw error;
    }
  }

  async delete(key: string, options: kv.Write = {}): Promise<boolean> {
    const request = { key: this.#values.prefix + key, ...toCondition(options) };
    return (await this.caller.write<DeleteResponse>("Delete", request, options)).deleted === true;
  }

  async commit(build: (batch: kv.Batch<T>) => void, options: CallOptions = {}): Promise<kv.CommitResult> {
    const mutations = new Mutations(this.#values);
    build(mutations);
    return this.#commit(mutations, options);
  }

  async transact<R>(body: (transaction: kv.Txn<T>) => Promise<R>, options: CallOptions = {}): Promise<R> {
    return this.#again(options, async (rest) => {
      const transaction = new Transaction(this.#values, (key, atRevision) =>
        this.caller.read<BatchGetResponse>("BatchGet", { keys: [key], atRevision }, rest),
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
    const keys = "key" in target ? [target.key] : "prefix" in target ? [] : (target.keys ?? []);
    const prefixes = "prefix" in target ? [target.prefix] : "key" in target ? [] : (target.prefixes ?? []);
    // To the service, nothing means everything.
    if (keys.length + prefixes.length === 0) throw new TypeError("nothing to watch");
    const request = { keys: keys.map(whole), prefixes: prefixes.map(whole) };
    return new ResumingWatch(this.caller, this.#values, request, options);
  }

  async *history(key: string, options: CallOptions = {}): AsyncGenerator<kv.Change<T>, void, undefined> {
    const request = { key: this.#values.prefix + key };
    for (let pageToken = ""; ; ) {
      const page = await this.caller.read<HistoryResponse>("History", { ...request, pageToken }, options);
      for (const event of page.events ?? []) yield this.#values.toChange(event);
      pageToken = page.nextPageToken ?? "";
      if (pageToken === "") return;
    }
  }

  scope(prefix: string): kv.Kv<T>;
  scope<U>(prefix: string, codec: kv.Codec<U>): kv.Kv<U>;
  scope(prefix: string, codec: kv.Codec<unknown> = this.#values.codec): kv.Kv<unknown> {
    return new Keyspace(this.caller, this.#batch, new Values(this.#values.prefix + prefix, codec));
  }

  /** Page after page: one may be empty although more follow. */
  async *#pages(request: object, options: kv.List): AsyncGenerator<ListResponse, void, undefined> {
    const { reverse = false, pageSize = 0 } = options;
    for (let pageToken = ""; ; ) {
      const page: ListResponse = await this.caller.read<ListResponse>(
        "List",
        { ...request, ...toRead(options), reverse, pageSize, pageToken },
        options,
      );
      yield page;
      pageToken = page.nextPageToken ?? "";
      if (pageToken === "") return;
    }
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

function toRead({ local, minRevision, atRevision }: kv.Read) {
  return { ...(local === true && { consistency: "LOCAL" }), minRevision, atRevision };
}

function toCondition({ ifRevision }: kv.Write): object {
  return ifRevision === undefined ? {} : { precondition: toPrecondition(ifRevision) };
}
