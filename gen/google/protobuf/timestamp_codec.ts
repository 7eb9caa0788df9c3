// @generated from file google/protobuf/timestamp.proto (package google.protobuf), do not edit

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GeneratedCodec } from "../../../src/wire/protobuf/generated-codec.ts";
import type { Reader } from "../../../src/wire/protobuf/reader.ts";
import type { Writer } from "../../../src/wire/protobuf/writer.ts";
import type {
  Timestamp,
  TimestampSchema,
} from "@bufbuild/protobuf/wkt";

/** Writes a google.protobuf.Timestamp. */
export function writeTimestamp(to: Writer, message: MessageInitShape<typeof TimestampSchema>): void {
  if (message.seconds) to.int64(1, message.seconds);
  if (message.nanos) to.int32(2, message.nanos);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a google.protobuf.Timestamp that ends at `end`, and merges it into `message`. */
export function readTimestamp(from: Reader, end: number, message: Timestamp = newTimestamp()): Timestamp {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x08: // seconds = 1
        message.seconds = from.int64(end);
        break;
      case 0x10: // nanos = 2
        message.nanos = from.int32(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newTimestamp(): Timestamp {
  return {
    $typeName: "google.protobuf.Timestamp",
    seconds: 0n,
    nanos: 0,
  };
}

/** By the full name of the message. */
export const codecs: readonly (readonly [string, GeneratedCodec])[] = [
  ["google.protobuf.Timestamp", { read: readTimestamp, write: writeTimestamp }],
];
