// The words of the library: what a program gives and gets.

/** Turns what a program uses into what is stored, and back. */
export interface Codec<T> {
  encode(value: T): string | Uint8Array;
  /** Throws if this is not a value of the kind. */
  decode(stored: string | Uint8Array): T;
}

/** What identifies one version of an entry. */
export interface Head {
  readonly key: string;
  /** The revision of the store at which it was written. */
  readonly revision: number;
  /** How often it has been written since the key came to be: 1 after the first put. */
  readonly version: number;
}

export interface Entry<T> extends Head {
  /**
   * In what `list`, `getMany`, `history` and watches deliver, the value is decoded when it is first read, which throws
   * CodecError if it is not one of the codec.
   */
  readonly value: T;
  /** The revision at which the key came to be. */
  readonly createRevision: number;
  readonly updateTime: Date;
  /** When it expires; undefined: never. */
  readonly expireTime: Date | undefined;
}

export interface Change<T> {
  readonly type: "put" | "delete";
  readonly key: string;
  /** The revision that the change made. */
  readonly revision: number;
  readonly time: Date;
  /** What was put; undefined after a delete. */
  readonly entry: Entry<T> | undefined;
  /** The entry before, if `previous` was asked for, there was one, and its value is not too large for a message. */
  readonly previous: Entry<T> | undefined;
  /** A delete because the time to live was over. */
  readonly expired: boolean;
}

/** One key, all keys with a prefix, or the keys from `start` to before `end`. */
export type Range =
  | { readonly key: string }
  | { readonly prefix: string }
  | { readonly start?: string; readonly end?: string };

/** What a watch watches. Several keys and prefixes form a union, which must not be empty. */
export type Target =
  | { readonly key: string }
  | { readonly prefix: string }
  | { readonly keys?: readonly string[]; readonly prefixes?: readonly string[] };

export interface Read {
  /** Read what this replica knows, which may be behind. */
  readonly local?: boolean;
  /** Wait until the replica has this revision. */
  readonly minRevision?: number;
  /** Read the state of this revision; HistoryGoneError if the history does not reach it. */
  readonly atRevision?: number;
  /** For this call, all tries together. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface List extends Read {
  /** From the last key to the first. */
  readonly reverse?: boolean;
  /** How many entries a call brings: 1 to 1,000, the default. */
  readonly pageSize?: number;
}

export interface Write {
  /** The write happens only if the entry has this revision, or does not exist (0); ConflictError otherwise. */
  readonly ifRevision?: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Put extends Write {
  /** The entry is deleted after this time, of at least 1,000 ms; fractions are rounded up. Default: never. */
  readonly ttlMs?: number;
}

/** Something that must hold for a commit to happen. */
export type Check =
  | { readonly key: string; readonly revision: number }
  | { readonly key: string; readonly exists: boolean };

/** What a commit is made of. No key may be changed twice. */
export interface Batch<T> {
  check(check: Check): this;
  put(key: string, value: T, options?: { readonly ttlMs?: number }): this;
  delete(key: string): this;
}

export interface CommitResult {
  readonly revision: number;
  /** One for each mutation, in order: the entry that was put, or whether there was one to delete. */
  readonly results: readonly ({ readonly put: Head } | { readonly deleted: boolean })[];
}

/** Reads at one revision, and writes that happen together if nothing that was read has changed. */
export interface Txn<T> {
  get(key: string): Promise<Entry<T> | undefined>;
  put(key: string, value: T, options?: { readonly ttlMs?: number }): void;
  delete(key: string): void;
}

export interface WatchOptions {
  /** Every change after this revision. Default: from now on. */
  readonly from?: number;
  /**
   * First a `reset` with the entries that there are. Default: only where the history does not reach back to `from`; if it is
   * false, the watch throws HistoryGoneError there.
   */
  readonly existing?: boolean;
  /** Changes have the entry as it was before. */
  readonly previous?: boolean;
  readonly signal?: AbortSignal;
}

export type WatchMessage<T> =
  /** The state as a whole: forget everything that came before. */
  | { readonly type: "reset"; readonly revision: number; readonly entries: readonly Entry<T>[] }
  /** All changes of one transaction. */
  | { readonly type: "changes"; readonly revision: number; readonly changes: readonly Change<T>[] }
  /** Everything up to this revision has been delivered. */
  | { readonly type: "bookmark"; readonly revision: number };

/**
 * Delivers each transaction once and whole, across interruptions; ends when it is closed, and throws DuetError when it
 * cannot go on. For one reader.
 */
export interface Watch<T> extends AsyncIterable<WatchMessage<T>>, AsyncDisposable {
  readonly state: "connecting" | "live" | "stale" | "ended";
  /** A watch with this as `from` goes on after what has been delivered. */
  readonly resumeRevision: number | undefined;
  /** Ends the watch. */
  close(): Promise<void>;
}

/** Keys and their values. All methods reject with DuetError, or CodecError. */
export interface Kv<T> {
  /** Resolves with undefined if there is no such key. */
  get(key: string, options?: Read): Promise<Entry<T> | undefined>;
  /** Many keys at one revision. */
  getMany(
    keys: readonly string[],
    options?: Read,
  ): Promise<{ revision: number; entries: Map<string, Entry<T>> }>;
  /** Entries in key order. Without a range: all. */
  list(range?: Range, options?: List): AsyncIterable<Entry<T>>;
  keys(range?: Range, options?: List): AsyncIterable<string>;
  count(range?: Range, options?: Read): Promise<number>;
  /** One level below the prefix: keys, and prefixes that end with `/`. */
  dirs(prefix?: string, options?: List): AsyncIterable<string>;
  put(key: string, value: T, options?: Put): Promise<Head>;
  /** Rejects with ConflictError if the key exists. */
  create(key: string, value: T, options?: Omit<Put, "ifRevision">): Promise<Head>;
  /** Rejects with ConflictError unless the entry is still the one that was seen. */
  replace(seen: Head, value: T, options?: Omit<Put, "ifRevision">): Promise<Head>;
  /** Reads, applies `change` and writes, again until nobody wrote in between; undefined from `change` writes nothing. */
  update(
    key: string,
    change: (entry: Entry<T> | undefined) => T | undefined | Promise<T | undefined>,
    options?: Omit<Put, "ifRevision">,
  ): Promise<Head | undefined>;
  /** Renews or ends the time to live; the entry keeps its revision. Resolves with undefined if there is no such key. */
  touch(key: string, options?: Put): Promise<Head | undefined>;
  /** Resolves with whether there was such a key. */
  delete(key: string, options?: Write): Promise<boolean>;
  /** All changes together, if all checks hold; ConflictError otherwise. */
  commit(build: (batch: Batch<T>) => void, options?: Omit<Write, "ifRevision">): Promise<CommitResult>;
  /** Runs `body`, again until what it read is still so when it writes. */
  transact<R>(body: (transaction: Txn<T>) => Promise<R>, options?: Omit<Write, "ifRevision">): Promise<R>;
  watch(target?: Target, options?: WatchOptions): Watch<T>;
  /** The changes of a key, the newest first, as far as the history of the store reaches. */
  history(key: string, options?: Pick<Read, "timeoutMs" | "signal">): AsyncIterable<Change<T>>;
  /** Keys below a prefix, which is put before them and taken off again. */
  scope(prefix: string): Kv<T>;
  scope<U>(prefix: string, codec: Codec<U>): Kv<U>;
}

export interface Status {
  readonly version: string;
  readonly storeId: string;
  readonly revision: number;
  /** The oldest revision that the history reaches. */
  readonly oldestRevision: number;
  readonly entries: number;
  readonly storeBytes: number;
  readonly limits: Readonly<Record<string, number>>;
  readonly writable: boolean;
  /** Why it cannot write; empty if it can. */
  readonly fault: string;
  readonly replicas: readonly Replica[];
  readonly callsPerSecond: number;
  readonly callP99Seconds: number;
  readonly stateHash: string;
  /** Those that the server uses; empty without TLS. */
  readonly certificates: readonly Certificate[];
}

export interface Certificate {
  /** `server`, or `client_ca`: the first to end of those that sign client certificates. */
  readonly use: string;
  readonly expireTime: Date;
}

export interface Replica {
  readonly id: string;
  readonly revision: number;
  readonly seenTime: Date;
  readonly writer: boolean;
}

export interface Identity {
  readonly name: string;
  readonly via: string;
  readonly grants: readonly Grant[];
  readonly expireTime: Date | undefined;
}

export interface Grant {
  readonly prefix: string;
  readonly rights: readonly string[];
  readonly deny: boolean;
}

/** A connection to a service. Values are text or bytes, and come back as they were written. */
export interface Client extends Kv<string | Uint8Array>, AsyncDisposable {
  status(options?: Pick<Read, "timeoutMs" | "signal">): Promise<Status>;
  identity(options?: Pick<Read, "timeoutMs" | "signal">): Promise<Identity>;
  /** Ends all calls and watches, and closes the connections. */
  close(): Promise<void>;
}
