import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { bodyTooLarge } from "../body.ts";
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

const compressedFlag = 0x01;

export function encodeEnvelope(data: Uint8Array, flags = 0): Buffer {
  return fillEnvelope(Buffer.concat([Buffer.alloc(envelopeHeaderBytes), data]), flags);
}

/** A message in its envelope. */
export function encodeMessage(
  codec: MessageCodec,
  message: DescMessage,
  value: MessageInitShape<DescMessage>,
): Buffer {
  return fillEnvelope(codec.encode(message, value, envelopeHeaderBytes), 0);
}

function fillEnvelope(envelope: Buffer, flags: number): Buffer {
  const length = envelope.length - envelopeHeaderBytes;
  envelope[0] = flags;
  envelope[1] = length >>> 24;
  envelope[2] = length >>> 16;
  envelope[3] = length >>> 8;
  envelope[4] = length;
  return envelope;
}

/**
 * The data of the only message in a request; envelopes with a flag of `skippedFlags` are no messages. Throws
 * REQUEST_MALFORMED when there is none, when one is cut off or compressed, or when another one follows;
 * REQUEST_TOO_LARGE when one promises more than `bytesMax`.
 */
export function decodeOnlyEnvelope(body: Buffer, bytesMax: number, skippedFlags = 0): Buffer {
  let message: Buffer | undefined;
  for (let start = 0; start < body.length; ) {
    const from = start + envelopeHeaderBytes;
    if (from > body.length) throw malformed(Code.InvalidArgument, "the request is cut off");
    const length = body.readUInt32BE(start + 1);
    if (length > bytesMax) throw bodyTooLarge(bytesMax);
    if (from + length > body.length) throw malformed(Code.InvalidArgument, "the request is cut off");
    const flags = body[start] as number;
    if ((flags & compressedFlag) !== 0) {
      throw malformed(Code.Internal, "the request is compressed, but no encoding is named");
    }
    start = from + length;
    if ((flags & skippedFlags) !== 0) continue;
    if (message !== undefined) {
      throw malformed(Code.Unimplemented, "the call has more than one request message");
    }
    message = body.subarray(from, start);
  }
  if (message === undefined) throw malformed(Code.Unimplemented, "the call has no request message");
  return message;
}

function malformed(code: Code, message: string): ConnectError {
  return wireError(code, "REQUEST_MALFORMED", message);
}
