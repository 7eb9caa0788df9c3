/**
 * The service in the memory of this process, for the tests of programs: the same semantics without a server.
 *
 * @module
 */
import { connect } from "./connect.ts";
import { createError, type DuetError } from "./errors.ts";
import { compareUtf8 } from "./key-bounds.ts";
import type { Client } from "./kv.ts";
import type { EntryMessage, EventMessage, PreconditionMessage } from "./messages.ts";
import type { ConnectOptions } from "./options.ts";
import { timerMaxMs } from "./pause.ts";
import type { Transport } from "./transport.ts";

/**
 * Returns a client of a new, empty store in this process. It has the limits and the errors of the service with its default
 * settings, except that the whole history is kept.
 *
 * @example
 * const store = memory();
 * await store.put("k", "v");
 */
export function memory(options: Omit<ConnectOptions, "url" | "transport"> = {}): Client {
  return connect({ ...options, url: "memory:", transport: memoryTransport() });
}

/** Returns a new, empty store as a transport for `connect`; clients that share it see each other's writes. */
export function memoryTransport(): Transport {
  const store = new MemoryStore();
  return {
    async unary({ method, message, signal }) {
      if (signal.aborted) throw failure("", "canceled");
      const name = method.split("/")[1] as keyof typeof calls;
      // What is sent is a copy, as over a connection.
      const request = structuredClone(message) as Request;
      // Throws if it is to come.
      store.at(request.minRevision);
      const response = calls[name](store, request);
      return structuredClone({ revision: String(request.atRevision || store.revision), ...response });
    },
    stream: ({ message, signal }) => store.watch(message, signal),
  };
}

interface Request {
  readonly key: string;
  readonly keys: readonly string[];
  readonly value?: string;
  readonly bytesValue?: string;
  readonly ttl?: string;
  readonly precondition?: PreconditionMessage;
  readonly checks?: readonly { readonly key: string; readonly precondition: PreconditionMessage }[];
  readonly mutations?: readonly { readonly put?: Request; readonly delete?: Request }[];
  readonly atRevision?: number;
  readonly minRevision?: number;
  readonly prefix?: string;
  readonly start?: string;
  readonly end?: string;
  readonly reverse?: boolean;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
  readonly delimiter?: string;
  readonly pageSize?: number;
  readonly pageToken?: string;
}

interface WatchRequest {
  readonly keys?: readonly string[];
  readonly prefixes?: readonly string[];
  readonly startRevision?: number;
  readonly includeExisting?: boolean;
  readonly previous?: boolean;
}

/** What one revision changed: nothing in the case of a touch. */
type Transaction = readonly EventMessage[];

class MemoryStore {
  readonly #entries = new Map<string, EntryMessage>();
  /** The transaction of revision n is at n - 1, and so are the entries that it replaced. */
  readonly transactions: Transaction[] = [];
  readonly #replaced: ReadonlyMap<string, EntryMessage | undefined>[] = [];
  readonly #wakers = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  get revision(): number {
    return this.transactions.length;
  }

  /** The entries at a revision; 0: now. */
  at(revision = 0): ReadonlyMap<string, EntryMessage> {
    this.#expire();
    if (revision < 0) throw failure("REVISION_INVALID");
    if (revision > this.revision) throw failure("REVISION_NOT_REACHED", "unavailable");
    if (revision === 0) return this.#entries;
    const entries = new Map(this.#entries);
    for (const replaced of this.#replaced.slice(revision).toReversed()) {
      for (const [key, entry] of replaced) set(entries, key, entry);
    }
    return entries;
  }

  check(key: string, precondition: PreconditionMessage | undefined): void {
    checkKey(key);
    if (precondition === undefined) return;
    const current_revision = this.at().get(key)?.revision ?? "0";
    const exists = current_revision !== "0";
    const holds =
      "exists" in precondition
        ? precondition.exists === exists
        : String(precondition.revision) === current_revision;
    if (holds) return;
    if ("exists" in precondition && exists)
      throw failure("KEY_EXISTS", "already_exists", { current_revision });
    throw failure("REVISION_MISMATCH", "aborted", { current_revision });
  }

  /** Applies changes as one transaction: `undefined` deletes. `touch` changes entries without events. */
  write(
    changes: ReadonlyMap<string, EntryMessage | undefined>,
    kind: "write" | "touch" | "expiry" = "write",
  ): void {
    const replaced = new Map<string, EntryMessage | undefined>();
    const events: EventMessage[] = [];
    for (const [key, entry] of changes) {
      const previous = this.#entries.get(key);
      if (entry === previous) continue;
      replaced.set(key, previous);
      set(this.#entries, key, entry);
      events.push({
        type: entry === undefined ? "DELETE" : "PUT",
        entry: entry ?? { key, revision: String(this.revision + 1), updateTime: new Date().toISOString() },
        ...(previous !== undefined && { previous }),
        expired: kind === "expiry",
      });
    }
    if (events.length === 0) return;
    this.transactions.push(kind === "touch" ? [] : events);
    this.#replaced.push(replaced);
    this.#schedule();
    for (const wake of this.#wakers) wake();
  }

  /** The entry that a put would make. */
  toEntry({ key, value, bytesValue, ttl }: Request): EntryMessage {
    checkKey(key);
    if (value?.isWellFormed() === false) throw failure("VALUE_INVALID");
    const bytes = bytesValue === undefined ? new TextEncoder().encode(value) : atob(bytesValue);
    if (bytes.length > 2 ** 20) throw failure("VALUE_TOO_LARGE", "resource_exhausted");
    const revision = String(this.revision + 1);
    const seen = this.at().get(key);
    return {
      key,
      ...(bytesValue === undefined ? { value: value ?? "" } : { bytesValue }),
      revision,
      createRevision: seen?.createRevision ?? revision,
      version: String(Number(seen?.version ?? 0) + 1),
      updateTime: new Date().toISOString(),
      ...toExpireTime(ttl),
    };
  }

  async *watch(request: WatchRequest, signal: AbortSignal): AsyncGenerator<object, void, undefined> {
    const { keys = [], prefixes = [], startRevision, includeExisting, previous } = request;
    for (const key of keys) checkKey(key);
    const matches = (key: string) => keys.includes(key) || prefixes.some((prefix) => key.startsWith(prefix));
    const state = this.at();
    let revision = startRevision ?? this.revision;
    const head = bookmark(this.revision, revision);
    const existing = [...state.values()].filter(({ key }) => matches(key)).toSorted(byKey);
    yield structuredClone(includeExisting === true ? { ...head, existing, existingEnd: true } : head);
    for (;;) {
      while (revision < this.revision) {
        const events = (this.transactions[revision++] as Transaction)
          .filter(({ entry }) => matches(entry.key))
          .map((event) => (previous === true ? event : withoutPrevious(event)));
        if (events.length > 0) yield structuredClone({ ...bookmark(revision), events });
      }
      await this.#changed(signal);
      if (signal.aborted) throw failure("", "canceled");
      if (revision === this.revision) yield bookmark(revision);
    }
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(heartbeat);
        this.#wakers.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const heartbeat = unrefTimeout(wake, 15_000);
      this.#wakers.add(wake);
      signal.addEventListener("abort", wake);
      if (signal.aborted) wake();
    });
  }

  #expire(): void {
    const now = Date.now();
    // Without a time, the comparison is false.
    const over = [...this.#entries.values()].filter(({ expireTime = "" }) => Date.parse(expireTime) <= now);
    for (const { key } of over) this.write(new Map([[key, undefined]]), "expiry");
  }

  /** Wakes watches at the next expiry. */
  #schedule(): void {
    clearTimeout(this.#timer);
    const times = [...this.#entries.values()]
      .map(({ expireTime = "" }) => Date.parse(expireTime))
      .filter((time) => time > 0);
    if (times.length === 0) return;
    const leftMs = Math.min(...times) - Date.now();
    const expire = (): void => {
      this.#expire();
      this.#schedule();
    };
    this.#timer = unrefTimeout(expire, Math.min(Math.max(leftMs, 0), timerMaxMs));
  }
}

/** Each returns a response; one without a revision gets that of the store, or the one that the request reads at. */
const calls = {
  Get(store: MemoryStore, { key, atRevision }: Request) {
    checkKey(key);
    const entry = store.at(atRevision).get(key);
    if (entry === undefined) throw failure("NO_SUCH_KEY", "not_found");
    return { entry };
  },

  BatchGet(store: MemoryStore, { keys, atRevision }: Request) {
    checkCount(keys.length);
    for (const key of keys) checkKey(key);
    const entries = keys.flatMap((key) => store.at(atRevision).get(key) ?? []);
    if (JSON.stringify(entries).length > 4 * 2 ** 20) {
      throw failure("RESPONSE_TOO_LARGE", "resource_exhausted");
    }
    return { entries };
  },

  Put(store: MemoryStore, request: Request) {
    store.check(request.key, request.precondition);
    const entry = store.toEntry(request);
    store.write(new Map([[request.key, entry]]));
    return { entry: withoutValue(entry) };
  },

  Delete(store: MemoryStore, { key, precondition }: Request) {
    store.check(key, precondition);
    const deleted = store.at().has(key);
    store.write(new Map([[key, undefined]]));
    return { deleted };
  },

  Touch(store: MemoryStore, { key, ttl, precondition }: Request) {
    const seen = store.at().get(key);
    checkKey(key);
    if (seen === undefined) throw failure("NO_SUCH_KEY", "not_found");
    store.check(key, precondition);
    const { expireTime: _, ...rest } = seen;
    const entry = { ...rest, ...toExpireTime(ttl) };
    store.write(new Map([[key, entry]]), "touch");
    return { entry: withoutValue(entry) };
  },

  Commit(store: MemoryStore, { checks = [], mutations = [] }: Request) {
    const count = checks.length + mutations.length;
    if (count === 0) throw failure("REQUEST_MALFORMED");
    checkCount(count);
    for (const { key, precondition } of checks) store.check(key, precondition);
    const changes = new Map<string, EntryMessage | undefined>();
    const results = mutations.map(({ put, delete: deletion }) => {
      const key = put?.key ?? deletion?.key ?? "";
      checkKey(key);
      if (changes.has(key)) throw failure("KEY_REPEATED");
      const entry = put && store.toEntry(put);
      changes.set(key, entry);
      return entry === undefined ? { deleted: store.at().has(key) } : { entry: withoutValue(entry) };
    });
    store.write(changes);
    return { results };
  },

  List(store: MemoryStore, request: Request) {
    const { prefix = "", start = "", end, reverse, keysOnly, countOnly, delimiter = "", pageToken } = request;
    const [revision, first]: [number, number] = pageToken
      ? JSON.parse(pageToken)
      : [request.atRevision || store.revision, 0];
    const direction = reverse === true ? -1 : 1;
    const all = [...store.at(revision).values()]
      .filter(
        ({ key }) =>
          key.startsWith(prefix) && compareUtf8(key, start) >= 0 && (!end || compareUtf8(key, end) < 0),
      )
      .toSorted((one, other) => direction * byKey(one, other));
    if (countOnly === true) return { revision: String(revision), count: String(all.length) };
    // An entry, or the prefix that stands for it.
    const names = new Map<string, EntryMessage | undefined>();
    for (const entry of all) {
      const at = delimiter ? entry.key.indexOf(delimiter, prefix.length) : -1;
      if (at < 0) names.set(entry.key, keysOnly === true ? withoutValue(entry) : entry);
      else names.set(entry.key.slice(0, at + delimiter.length), undefined);
    }
    const last = first + (request.pageSize || 1000);
    const page = [...names].slice(first, last);
    return {
      revision: String(revision),
      entries: page.flatMap(([, entry]) => entry ?? []),
      prefixes: page.flatMap(([name, entry]) => (entry === undefined ? [name] : [])),
      nextPageToken: last < names.size ? JSON.stringify([revision, last]) : "",
    };
  },

  History(store: MemoryStore, { key }: Request) {
    const events = store.transactions.flat().filter(({ entry }) => entry.key === key);
    return { events: events.toReversed().map(withoutPrevious) };
  },

  GetStatus: (store: MemoryStore) => ({ entries: String(store.at().size), writable: true }),

  GetIdentity: () => ({ via: "anonymous" }),
};

function checkKey(key: string): void {
  const bytes = new TextEncoder().encode(key).length;
  if (bytes === 0) throw failure("KEY_EMPTY");
  if (bytes > 1024) throw failure("KEY_TOO_LONG");
  if (key.includes("\0") || !key.isWellFormed()) throw failure("KEY_INVALID");
}

function checkCount(count: number): void {
  if (count > 1000) throw failure("TOO_MANY_OPERATIONS");
}

function toExpireTime(ttl: string | undefined): { expireTime?: string } {
  if (ttl === undefined) return {};
  const ms = Number.parseFloat(ttl) * 1000;
  if (!(ms >= 1000)) throw failure("TTL_INVALID");
  return { expireTime: new Date(Date.now() + ms).toISOString() };
}

function withoutValue({ value: _value, bytesValue: _bytes, ...entry }: EntryMessage): EntryMessage {
  return entry;
}

function withoutPrevious({ previous: _previous, ...event }: EventMessage): EventMessage {
  return event;
}

function byKey(one: EntryMessage, other: EntryMessage): number {
  return compareUtf8(one.key, other.key);
}

/** Undefined deletes. */
function set(entries: Map<string, EntryMessage>, key: string, entry: EntryMessage | undefined): void {
  if (entry === undefined) entries.delete(key);
  else entries.set(key, entry);
}

/** A message of a watch without changes. */
function bookmark(revision: number, resume = revision): { revision: string; resumeRevision: string } {
  return { revision: String(revision), resumeRevision: String(resume) };
}

/** A test need not wait for it. */
function unrefTimeout(act: () => void, ms: number): ReturnType<typeof setTimeout> {
  const timer = setTimeout(act, ms);
  (timer as { unref?(): void }).unref?.();
  return timer;
}

/** The message is the reason in words, or the code. */
function failure(
  reason: string,
  code = "invalid_argument",
  metadata: Record<string, string> = {},
): DuetError {
  const message = reason === "" ? code : reason.toLowerCase().replaceAll("_", " ");
  return createError({ code, reason, message, metadata, outcome: "nothing" });
}
