import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TimestampSchema } from "@bufbuild/protobuf/wkt";
import type { EntrySchema } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { Entry, EntryHead } from "../database.ts";

/**
 * The fields of an Entry message. The wire can encode them directly; creating the message first would double the
 * time.
 */
export type EntryInit = MessageInitShape<typeof EntrySchema>;

/**
 * The value of a 64-bit field, a whole number up to Number.MAX_SAFE_INTEGER. Its type says bigint, but all encoders take
 * numbers as well: with a BigInt for each field, building and encoding the response of a get takes 1.4 times as long.
 */
export function toInt64(value: number): bigint {
  return value as unknown as bigint;
}

export function toEntryInit(entry: Entry): EntryInit {
  const { value } = entry;
  const isText = typeof value === "string";
  return entryInit(entry, isText ? value : undefined, isText ? undefined : value);
}

export function toEntryInitWithoutValue(entry: EntryHead): EntryInit {
  return entryInit(entry, undefined, undefined);
}

/** The entry of a DELETE event: its key, and the revision and time of the delete. */
export function toDeletedEntryInit(key: string, revision: number, time: number): EntryInit {
  return { key, revision: toInt64(revision), updateTime: toTimestampInit(time) };
}

function entryInit(
  { key, revision, createRevision, version, updateTime, expireTime }: EntryHead,
  value: string | undefined,
  bytesValue: Uint8Array | undefined,
): EntryInit {
  return {
    key,
    value,
    bytesValue,
    revision: toInt64(revision),
    createRevision: toInt64(createRevision),
    version: toInt64(version),
    updateTime: toTimestampInit(updateTime),
    expireTime: expireTime === 0 ? undefined : toTimestampInit(expireTime),
  };
}

export function toTimestampInit(milliseconds: number): MessageInitShape<typeof TimestampSchema> {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds: toInt64(seconds), nanos: (milliseconds - seconds * 1000) * 1_000_000 };
}
