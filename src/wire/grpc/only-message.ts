import type { Message } from "@bufbuild/protobuf";
import type { Call } from "../call/call.ts";
import { isEncoding } from "../call/compression.ts";
import type { MessageCodec } from "../protobuf/codecs.ts";
import { findOnlyMessage } from "./envelope.ts";

/**
 * Decodes the only message of a request in envelopes. `encodingName` is what the headers say of compressed messages; see
 * `findOnlyMessage` for `skippedFlags` and errors.
 */
export function decodeOnlyMessage(
  call: Call,
  codec: MessageCodec,
  encodingName: string | undefined,
  bytes: Buffer,
  start: number,
  end: number,
  skippedFlags = 0,
): Message | Promise<Message> {
  const { input } = call.entry.spec.method;
  const found = findOnlyMessage(bytes, start, end, call.options.requestBytesMax, skippedFlags);
  if (!found.isCompressed) return codec.decode(input, bytes, found.start, found.end);
  return call.decompress(encodingName, bytes.subarray(found.start, found.end), (message) =>
    codec.decode(input, message),
  );
}

/** Whether a message may be compressed this way, or not at all. */
export function isKnownEncoding(name: string | undefined): boolean {
  return name === undefined || name === "identity" || isEncoding(name);
}
