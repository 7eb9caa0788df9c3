import { isUtf8 } from "node:buffer";
import { toValueField } from "../../entry-value.ts";
import { CommandFailure } from "../../failure.ts";
import type { EntryContent } from "../entry-content.ts";

export interface ForeignSourceOptions {
  /** Where the other store listens. */
  readonly url: URL;
  /** Only keys that begin with this. */
  readonly prefix: string;
  /** The longest wait for a response. */
  readonly timeoutMs: number;
  /** The limits of this store. The key is that of the other store, so a new prefix is accounted for. */
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  /** Receives a reason in a few words for each entry that this store cannot have; its key, where that helps. */
  readonly onUnsupported: (reason: string, key?: string) => void;
}

/**
 * Reads all entries of another store, in the order of the bytes of their keys. Rejects with CommandFailure when they cannot be
 * read to the end.
 */
export type ReadForeignEntries = (options: ForeignSourceOptions) => AsyncIterable<EntryContent>;

/** Converts an entry. `leftMs`: the time to live that is left; undefined: permanent. */
export function toEntryContent(key: string, value: Buffer, leftMs?: number): EntryContent {
  const expireTime = leftMs === undefined ? undefined : new Date(Date.now() + leftMs).toISOString();
  return { key, ...toValueField(value, false), ...(expireTime !== undefined && { expireTime }) };
}

/** Decodes a key. Undefined, and reported, when this store cannot have it. */
export function toKey(
  bytes: Buffer,
  { keyBytesMax, onUnsupported }: ForeignSourceOptions,
): string | undefined {
  if (bytes.length === 0 || !isUtf8(bytes) || bytes.includes(0)) {
    onUnsupported("key is empty, contains NUL or is not UTF-8");
    return undefined;
  }
  if (bytes.length <= keyBytesMax) return bytes.toString();
  onUnsupported(`key is longer than ${keyBytesMax} bytes`, bytes.toString("utf8", 0, keyBytesMax));
  return undefined;
}

/** Whether this store can have a value of this size; reports the key otherwise. */
export function fitsValue(
  key: string,
  bytes: number,
  { valueBytesMax, onUnsupported }: ForeignSourceOptions,
): boolean {
  if (bytes <= valueBytesMax) return true;
  onUnsupported(`value is larger than ${valueBytesMax} bytes`, key);
  return false;
}

/** Creates the failure for a source that cannot be read. */
export function sourceFailure(url: URL, what: string, cause?: unknown): CommandFailure {
  return new CommandFailure(
    {
      outcome: "failed",
      reason: "SOURCE_FAILED",
      message: `cannot read ${url.host}: ${what}`,
      advice: "Entries before it are imported. Run the import again with --mode create or mirror.",
    },
    cause,
  );
}
