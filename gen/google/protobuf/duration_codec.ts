// @generated from file google/protobuf/duration.proto (package google.protobuf), do not edit

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GeneratedCodec } from "../../../src/wire/protobuf/generated-codec.ts";
import type { Reader } from "../../../src/wire/protobuf/reader.ts";
import type { Writer } from "../../../src/wire/protobuf/writer.ts";
import type {
  Duration,
  DurationSchema,
} from "@bufbuild/protobuf/wkt";

/** Writes a google.protobuf.Duration. */
export function writeDuration(to: Writer, message: MessageInitShape<typeof DurationSchema>): void {
  if (message.seconds) to.int64(1, message.seconds);
  if (message.nanos) to.int32(2, message.nanos);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a google.protobuf.Duration that ends at `end`, and merges it into `message`. */
export function readDuration(from: Reader, end: number, message: Duration = newDuration()): Duration {
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

function newDuration(): Duration {
  return {
    $typeName: "google.protobuf.Duration",
    seconds: 0n,
    nanos: 0,
  };
}

/** By the full name of the message. */
export const codecs: readonly (readonly [string, GeneratedCodec])[] = [
  ["google.protobuf.Duration", { read: readDuration, write: writeDuration }],
];
