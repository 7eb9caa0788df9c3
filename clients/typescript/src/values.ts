import { CodecError, createError } from "./errors.ts";
import type { Change, Codec, Entry, Head } from "./kv.ts";
import type { EntryMessage, EventMessage } from "./messages.ts";

/** Values as the service has them. */
export const raw: Codec<string | Uint8Array> = { encode: (value) => value, decode: (stored) => stored };

/** Entries of the contract as those of a program: keys below a prefix, values through a codec. */
export class Values<T> {
  readonly prefix: string;
  readonly codec: Codec<T>;

  constructor(prefix: string, codec: Codec<T>) {
    this.prefix = prefix;
    this.codec = codec;
  }

  toKey(key: string): string {
    return key.slice(this.prefix.length);
  }

  toHead(entry: EntryMessage): Head {
    const { key, revision, version } = entry;
    return { key: this.toKey(key), revision: Number(revision), version: Number(version) };
  }

  /** Throws CodecError. */
  toEntry(entry: EntryMessage): Entry<T> {
    return { ...this.toLazyEntry(entry) };
  }

  /** To read the value may throw CodecError: one that cannot be decoded must not be in the way of the others. */
  toLazyEntry(entry: EntryMessage): Entry<T> {
    const decode = (): T => this.#decode(entry);
    let decoded: { readonly value: T } | undefined;
    return {
      ...this.toHead(entry),
      get value() {
        return (decoded ??= { value: decode() }).value;
      },
      createRevision: Number(entry.createRevision),
      updateTime: new Date(entry.updateTime ?? 0),
      expireTime: entry.expireTime === undefined ? undefined : new Date(entry.expireTime),
    };
  }

  toChange({ type, entry, previous, expired = false }: EventMessage): Change<T> {
    return {
      type: type === "PUT" ? "put" : "delete",
      key: this.toKey(entry.key),
      revision: Number(entry.revision),
      time: new Date(entry.updateTime ?? 0),
      entry: type === "PUT" ? this.toLazyEntry(entry) : undefined,
      previous: previous !== undefined && hasValue(previous) ? this.toLazyEntry(previous) : undefined,
      expired,
    };
  }

  /** The fields of a put. Throws CodecError. */
  toPut(key: string, value: T, ttlMs: number | undefined): object {
    return {
      key: this.prefix + key,
      ...this.#encode(key, value),
      ...(ttlMs !== undefined && { ttl: toDuration(ttlMs) }),
    };
  }

  #encode(key: string, value: T): { value: string } | { bytesValue: string } {
    let stored: string | Uint8Array;
    try {
      stored = this.codec.encode(value);
      // Not instanceof: the array may be of another realm.
      if (typeof stored !== "string" && stored.BYTES_PER_ELEMENT !== 1)
        throw new TypeError("not text or bytes");
    } catch (error) {
      throw new CodecError(key, (error as Error).message, error);
    }
    return typeof stored === "string" ? { value: stored } : { bytesValue: toBase64(stored) };
  }

  #decode({ key, value, bytesValue }: EntryMessage): T {
    const stored = bytesValue === undefined ? (value ?? "") : fromBase64(bytesValue);
    try {
      return this.codec.decode(stored);
    } catch (error) {
      throw new CodecError(this.toKey(key), (error as Error).message, error);
    }
  }
}

/** The service leaves out what would be too much for a message. */
function hasValue({ value, bytesValue }: EntryMessage): boolean {
  return value !== undefined || bytesValue !== undefined;
}

/** As JSON has a Duration. Throws DuetError. */
export function toDuration(ms: number): string {
  // A Duration has at most nine decimals.
  if (Number.isFinite(ms)) return `${Math.ceil(ms) / 1000}s`;
  const message = `ttlMs is ${ms}`;
  throw createError({ code: "invalid_argument", reason: "TTL_INVALID", message, outcome: "nothing" });
}

function toBase64(bytes: Uint8Array): string {
  // A call has at most so many arguments.
  const pieceBytes = 8192;
  let text = "";
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    text += String.fromCharCode(...bytes.subarray(start, start + pieceBytes));
  }
  return btoa(text);
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
