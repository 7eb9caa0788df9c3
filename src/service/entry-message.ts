import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Entry as EntryMessage, EntrySchema } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { Entry } from "../store/entry.ts";

export function toEntryMessage(entry: Entry): EntryMessage {
  const message = toEntryMessageWithoutValue(entry);
  if (typeof entry.value === "string") message.value = entry.value;
  else message.bytesValue = entry.value;
  return message;
}

export function toEntryMessageWithoutValue(entry: Entry): EntryMessage {
  const message = create(EntrySchema);
  message.key = entry.key;
  message.revision = BigInt(entry.revision);
  message.createRevision = BigInt(entry.createRevision);
  message.version = BigInt(entry.version);
  message.updateTime = timestampFromMs(entry.updateTime);
  if (entry.expireTime !== 0) message.expireTime = timestampFromMs(entry.expireTime);
  return message;
}

/** An entry of which only the key and the time of its end are known. */
export function toDeletedEntryMessage(key: string, revision: number, time: number): EntryMessage {
  return create(EntrySchema, { key, revision: BigInt(revision), updateTime: timestampFromMs(time) });
}
