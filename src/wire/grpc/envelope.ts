import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { bodyTooLarge } from "../call/body-too-large.ts";
import type { MessageCodec } from "../protobuf/codecs.ts";
import { wireError } from "../wire-error.ts";

/**
 * gRPC and gRPC-Web put every message into an envelope:
 *
 * | bytes  | what                                                    |
 * |--------|---------------------------------------------------------|
 * | 1      | flags: 0x01 compressed, 0x80 trailers (gRPC-Web only)   |
 * | 4      | length of the data, big-endian                          |
 * | length | data                                                    |
 */
export const envelopeHeaderBytes = 5;

export const compressedFlag = 0x01;

export function encodeEnvelope(data: Uint8Array, flags = 0): Buffer {
  const envelope = Buffer.allocUnsafe(envelopeHeaderBytes + data.length);
  envelope.set(data, envelopeHeaderBytes);
  fillEnvelopeHeader(envelope, 0, data.length, flags);
  return envelope;
}

/** A message in its envelope. */
export function encodeMessage(
  codec: MessageCodec,
  message: DescMessage,
  value: MessageInitShape<DescMessage>,
): Buffer {
  const envelope = codec.encode(message, value, envelopeHeaderBytes);
  fillEnvelopeHeader(envelope, 0, envelope.length - envelopeHeaderBytes, 0);
  return envelope;
}

/** Writes the header of an envelope whose data has `length` bytes to `target[start…]`. */
export function fillEnvelopeHeader(target: Buffer, start: number, length: number, flags: number): void {
  target[start] = flags;
  target[start + 1] = length >>> 24;
  target[start + 2] = length >>> 16;
  target[start + 3] = length >>> 8;
  target[start + 4] = length;
}

/** Where a message is, and whether it is compressed. */
export interface FoundMessage {
  readonly start: number;
  readonly end: number;
  readonly isCompressed: boolean;
}

/**
 * Where the data of the only message in a request are. Envelopes with a flag of `skippedFlags` are no messages. Throws
 * REQUEST_MALFORMED when there is no message, when one is cut off, or when another one follows; REQUEST_TOO_LARGE when one
 * promises more than `bytesMax`.
 */
export function findOnlyMessage(
  bytes: Buffer,
  start: number,
  end: number,
  bytesMax: number,
  skippedFlags = 0,
): FoundMessage {
  let found: FoundMessage | undefined;
  for (let at = start; at < end; ) {
    const from = at + envelopeHeaderBytes;
    if (from > end) throw malformed(Code.InvalidArgument, "the request is cut off");
    const length = bytes.readUInt32BE(at + 1);
    if (length > bytesMax) throw bodyTooLarge(bytesMax);
    if (from + length > end) throw malformed(Code.InvalidArgument, "the request is cut off");
    const flags = bytes[at] as number;
    at = from + length;
    if ((flags & skippedFlags) !== 0) continue;
    if (found !== undefined) {
      throw malformed(Code.Unimplemented, "the call has more than one request message");
    }
    found = { start: from, end: at, isCompressed: (flags & compressedFlag) !== 0 };
  }
  if (found === undefined) throw malformed(Code.Unimplemented, "the call has no request message");
  return found;
}

function malformed(code: Code, message: string): ConnectError {
  return wireError(code, "REQUEST_MALFORMED", message);
}
