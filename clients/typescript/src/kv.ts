// The types that programs use.

/** Converts between the values of a program and what is stored: text or bytes. */
export interface Codec<T> {
  /** Returns what is stored for a value. What it throws rejects the call as the `cause` of a CodecError. */
  encode(value: T): string | Uint8Array;
  /** Returns the value; throws if the stored text or bytes are not one, which becomes the `cause` of a CodecError. */
  decode(stored: string | Uint8Array): T;
}

/** Identifies one version of an entry. */
export interface Head {
  /** Relative to the scope. */
  readonly key: string;
  /** The revision of the store at which this version was written. */
  readonly revision: number;
  /** How often the entry has been written since it was created: 1 after the first put. */
  readonly version: number;
}

/** A key with its value. */
export interface Entry<T> extends Head {
  /**
   * In entries of `list`, `getMany`, `history` and watches, the value is decoded when it is first read, which throws
   * CodecError if the codec refuses it.
   */
  readonly value: T;
  /** The revision at which the entry was created. */
  readonly createRevision: number;
  /** When this version was written, by the clock of the service. */
  readonly updateTime: Date;
  /** When it expires; undefined: never. */
  readonly expireTime: Date | undefined;
}

/** A put or a delete of one key. */
export interface Change<T> {
  /** What happened; a key that expired is deleted. */
  readonly type: "put" | "delete";
  /** Relative to the scope. */
  readonly key: string;
  /** The revision of the store that the change made. */
  readonly revision: number;
  /** When it happened, by the clock of the service. */
  readonly time: Date;
  /** The entry that was put; undefined for a delete. */
  readonly entry: Entry<T> | undefined;
  /** The entry before, if `previous` was asked for, there was one, and its value is not too large for a message. */
  readonly previous: Entry<T> | undefined;
  /** Whether it is a delete because the time to live was over. */
  readonly expired: boolean;
}

/** One key, all keys with a prefix, or the keys from `start` to before `end`. `{}` is every key. */
export type Range =
  | { readonly key: string }
  | { readonly prefix: string }
  | {
      /** The first key. Default: no lower bound. */
      readonly start?: string;
      /** The first key that is not in the range. Default: no upper bound. */
      readonly end?: string;
    };

/** The keys of a watch: one, all with a prefix, or the union of several keys and prefixes, which must not be empty. */
export type Target =
  | { readonly key: string }
  | { readonly prefix: string }
  | { readonly keys?: readonly string[]; readonly prefixes?: readonly string[] };

/** Options of a read. */
export interface Read {
  /**
   * Read the state of this replica, which may be behind, without asking the log. Default: a read sees every write that was
   * finished before it began.
   */
  readonly local?: boolean;
  /** Wait until the replica has this revision. */
  readonly minRevision?: number;
  /** Read the state at this revision; HistoryGoneError if the history does not reach back to it. Default: the newest. */
  readonly atRevision?: number;
  /** In milliseconds, all tries of a call together. `list`, `keys`, `dirs` and `history` make a call for each page. */
  readonly timeoutMs?: number;
  /** Aborts the call, which then rejects with a DuetError of the code `canceled`. */
  readonly signal?: AbortSignal;
}

/** Options of a read of a range. */
export interface List extends Read {
  /** From the last key to the first. */
  readonly reverse?: boolean;
  /** How many entries a call brings: 1 to 1,000, the default. */
  readonly pageSize?: number;
}

/** Options of a write. */
export interface Write {
  /** The write happens only if the entry has this revision, or does not exist (0); ConflictError otherwise. */
  readonly ifRevision?: number;
  /** In milliseconds, all tries together. */
  readonly timeoutMs?: number;
  /** Aborts the call. The DuetError tells by `outcome` whether the write may have happened. */
  readonly signal?: AbortSignal;
}

/** Options of a put. */
export interface Put extends Write {
  /** The entry expires after so many milliseconds, at least 1,000; fractions are rounded up. Default: never. */
  readonly ttlMs?: number;
}

/** A condition of a commit: that the entry has this revision (0: does not exist), or that it exists or not. */
export type Check =
  | { readonly key: string; readonly revision: number }
  | { readonly key: string; readonly exists: boolean };

/** Collects the checks and mutations of a commit: at most 1,000 together, and one mutation of each key. */
export interface Batch<T> {
  /** Adds a condition. An entry that was read is one: nobody has written it since. */
  check(check: Check): this;
  /** Adds a put; `ttlMs` as in Put. Throws CodecError. */
  put(key: string, value: T, options?: { readonly ttlMs?: number }): this;
  /** Adds a delete; it is no error if there is no such key. */
  delete(key: string): this;
}

/** What a commit has done. */
export interface CommitResult {
  /** The revision of the store that the commit made. */
  readonly revision: number;
  /** One for each mutation, in order: the entry that was put, or whether there was one to delete. */
  readonly results: readonly ({ readonly put: Head } | { readonly deleted: boolean })[];
}

/** Reads at one revision, and writes that happen together if nothing that was read has changed. */
export interface Txn<T> {
  /** Reads a key as it was before the transaction: writes of the transaction are not seen. */
  get(key: string): Promise<Entry<T> | undefined>;
  /** Puts a value when the transaction commits; the last write of a key counts. `ttlMs` as in Put. */
  put(key: string, value: T, options?: { readonly ttlMs?: number }): void;
  /** Deletes a key when the transaction commits. */
  delete(key: string): void;
}

/** Options of a watch. */
export interface WatchOptions {
  /** Deliver every change after this revision. Default: from now on. */
  readonly from?: number;
  /**
   * Begin with a `reset` of all entries. Default: only where the history does not reach back to `from`; if it is false, the
   * watch throws HistoryGoneError there.
   */
  readonly existing?: boolean;
  /** Deliver with each change the entry as it was before. */
  readonly previous?: boolean;
  /** Ends the watch, without an error. */
  readonly signal?: AbortSignal;
}

/**
 * What a watch delivers; store `revision` with what the program made of the message, to resume with it as `from`. `reset`:
 * all entries, which replace what came before. `changes`: all changes of one transaction. `bookmark`: everything up to this
 * revision has been delivered.
 */
export type WatchMessage<T> =
  | { readonly type: "reset"; readonly revision: number; readonly entries: readonly Entry<T>[] }
  | { readonly type: "changes"; readonly revision: number; readonly changes: readonly Change<T>[] }
  | { readonly type: "bookmark"; readonly revision: number };

/**
 * Delivers each transaction once and whole, across interruptions; ends when it is closed or its loop is left, and throws
 * DuetError when it cannot go on. For one reader; it connects when the reading begins.
 */
export interface Watch<T> extends AsyncIterable<WatchMessage<T>>, AsyncDisposable {
  /** `connecting`: no message has come yet. `stale`: interrupted, and about to resume. */
  readonly state: "connecting" | "live" | "stale" | "ended";
  /** A watch with this as `from` goes on after what has been delivered. */
  readonly resumeRevision: number | undefined;
  /** Ends the watch. */
  close(): Promise<void>;
}

/** Keys and their values. Methods reject with DuetError, or with CodecError if a value cannot be encoded or decoded. */
export interface Kv<T> {
  /**
   * Reads an entry; undefined if there is no such key. Gets of one microtask with equal options, but without `timeoutMs` and
   * `signal`, are one call.
   *
   * @example
   * const entry = await client.get("theme");
   * console.log(entry?.value);
   */
  get(key: string, options?: Read): Promise<Entry<T> | undefined>;
  /** Reads many keys at one revision. Keys that do not exist are not in the map; without keys, `revision` is 0. */
  getMany(
    keys: readonly string[],
    options?: Read,
  ): Promise<{ revision: number; entries: Map<string, Entry<T>> }>;
  /**
   * Yields the entries of a range in key order, by default all. Pages are of one revision as long as the history reaches it.
   *
   * @example
   * for await (const { key, value } of client.list({ prefix: "users/" })) console.log(key, value);
   */
  list(range?: Range, options?: List): AsyncIterable<Entry<T>>;
  /** Yields the keys of a range in key order, by default all. */
  keys(range?: Range, options?: List): AsyncIterable<string>;
  /** Counts the keys of a range, by default all. */
  count(range?: Range, options?: Read): Promise<number>;
  /** Yields one level below a prefix in key order: keys, and prefixes, which end with `/`. */
  dirs(prefix?: string, options?: List): AsyncIterable<string>;
  /**
   * Stores a value. Resolves when it is durable. Without `ttlMs` the entry is permanent, whatever it was before.
   *
   * @example
   * await client.put("sessions/7", "Ada", { ttlMs: 60_000 });
   */
  put(key: string, value: T, options?: Put): Promise<Head>;
  /** Stores a value under a new key. Rejects with ConflictError if the key exists. */
  create(key: string, value: T, options?: Omit<Put, "ifRevision">): Promise<Head>;
  /** Replaces an entry. Rejects with ConflictError unless it is still the one that was seen. */
  replace(seen: Head, value: T, options?: Omit<Put, "ifRevision">): Promise<Head>;
  /**
   * Reads an entry, and writes what `change` makes of it; again, with a new entry, if somebody else wrote in between, within
   * `timeoutMs`. Writes nothing and resolves with undefined if `change` returns undefined.
   *
   * @example
   * await client.update("visits", (seen) => String(Number(seen?.value ?? 0) + 1));
   */
  update(
    key: string,
    change: (entry: Entry<T> | undefined) => T | undefined | Promise<T | undefined>,
    options?: Omit<Put, "ifRevision">,
  ): Promise<Head | undefined>;
  /**
   * Sets the time to live of an entry; without `ttlMs` it never expires. The revision stays, and watches deliver nothing.
   * Resolves with undefined if there is no such key.
   */
  touch(key: string, options?: Put): Promise<Head | undefined>;
  /** Deletes a key. Resolves with whether there was one. */
  delete(key: string, options?: Write): Promise<boolean>;
  /**
   * Makes all changes of a batch together, if all its checks hold; rejects with ConflictError otherwise. `build` must not be
   * asynchronous.
   *
   * @example
   * await client.commit((batch) => batch.check(seen).put("a", "1").delete("b"));
   */
  commit(build: (batch: Batch<T>) => void, options?: Omit<Write, "ifRevision">): Promise<CommitResult>;
  /**
   * Runs `body`, and commits its writes if nothing that it read has changed; otherwise runs it again, within `timeoutMs`.
   * Resolves with what `body` returns. `body` must do nothing beside that cannot be repeated.
   */
  transact<R>(body: (transaction: Txn<T>) => Promise<R>, options?: Omit<Write, "ifRevision">): Promise<R>;
  /**
   * Watches keys, by default all. Throws TypeError if there is nothing to watch.
   *
   * @example
   * for await (const message of client.watch({ prefix: "config/" }, { existing: true })) {
   *   if (message.type === "reset") reload(message.entries);
   *   if (message.type === "changes") message.changes.forEach(apply);
   * }
   */
  watch(target?: Target, options?: WatchOptions): Watch<T>;
  /** Yields the changes of a key, the newest first, as far as the history of the store reaches. */
  history(key: string, options?: Pick<Read, "timeoutMs" | "signal">): AsyncIterable<Change<T>>;
  /** Returns the keys below a prefix, which is put before them and taken off again, with the same codec. */
  scope(prefix: string): Kv<T>;
  /**
   * Returns the keys below a prefix, with another codec.
   *
   * @example
   * const users = client.scope("users/", json<{ name: string }>());
   * await users.put("7", { name: "Ada" });
   */
  scope<U>(prefix: string, codec: Codec<U>): Kv<U>;
}

/** The state of the store and of the server that was asked. */
export interface Status {
  /** Of the server. */
  readonly version: string;
  /** Of the log: stores with another id have another history. */
  readonly storeId: string;
  /** Of the last transaction that the server has applied. */
  readonly revision: number;
  /** The oldest revision that the history reaches. */
  readonly oldestRevision: number;
  /** How many keys the store has. */
  readonly entries: number;
  /** What the entries count against the limit `store_bytes_max`. */
  readonly storeBytes: number;
  /** By the names of the flags, with underscores: `value_bytes_max`. Sizes are bytes, times milliseconds. */
  readonly limits: Readonly<Record<string, number>>;
  /** Whether the server takes writes now. */
  readonly writable: boolean;
  /** Why the server is not ready; empty if it is. */
  readonly fault: string;
  /** All replicas that are alive; a store without replicas has itself. */
  readonly replicas: readonly Replica[];
  /** Calls that this server finished, over the last 10 seconds; streams do not count. */
  readonly callsPerSecond: number;
  /** 99 % of these calls took no longer, in seconds; 0 without calls. */
  readonly callP99Seconds: number;
  /** A hash of all entries at the revision: replicas at the same revision have the same. */
  readonly stateHash: string;
  /** Those that the server uses; empty without TLS. */
  readonly certificates: readonly Certificate[];
}

/** A certificate that a server uses. */
export interface Certificate {
  /** `server`, or `client_ca`: the first to end of those that sign client certificates. */
  readonly use: string;
  /** When it ends. */
  readonly expireTime: Date;
}

/** A process that serves the store. */
export interface Replica {
  /** Made when the process starts. */
  readonly id: string;
  /** What it had applied at `seenTime`. */
  readonly revision: number;
  /** When it was last heard of, by the clock of the log. */
  readonly seenTime: Date;
  /** Whether it appends to the log. */
  readonly writer: boolean;
}

/** Who the caller is to the service, and what it may do. */
export interface Identity {
  /** Empty for an anonymous caller. */
  readonly name: string;
  /** How the caller was identified: `anonymous` where no credentials are asked for. */
  readonly via: string;
  /** Empty without a policy: then everything is allowed. */
  readonly grants: readonly Grant[];
  /** When the identity ends; undefined: never. */
  readonly expireTime: Date | undefined;
}

/** Rights to the keys that begin with a prefix. */
export interface Grant {
  /** Whole, not relative to a scope; empty: every key. */
  readonly prefix: string;
  /** `read`, `write` and others of the policy. */
  readonly rights: readonly string[];
  /** Whether the rights are denied, whatever other grants say. */
  readonly deny: boolean;
}

/** A connection to a service. Values are text or bytes, and come back as they were written. */
export interface Client extends Kv<string | Uint8Array>, AsyncDisposable {
  /** Reads the state of the store and of the server. */
  status(options?: Pick<Read, "timeoutMs" | "signal">): Promise<Status>;
  /** Reads who the caller is, and what it may do. */
  identity(options?: Pick<Read, "timeoutMs" | "signal">): Promise<Identity>;
  /** Ends all calls and watches, and closes the connections. */
  close(): Promise<void>;
}
