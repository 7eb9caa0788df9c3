import { Code, type ConnectError } from "@connectrpc/connect";
import { bodyTooLarge } from "../body.ts";
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
  const envelope = Buffer.allocUnsafe(envelopeHeaderBytes + data.length);
  envelope[0] = flags;
  envelope.writeUInt32BE(data.length, 1);
  envelope.set(data, envelopeHeaderBytes);
  return envelope;
}

/**
 * The data of the only envelope in a request. Throws REQUEST_MALFORMED when there is none, when it is cut off or
 * compressed, or when another one follows; REQUEST_TOO_LARGE when it promises more than `bytesMax`.
 */
export function decodeOnlyEnvelope(body: Buffer, bytesMax: number): Buffer {
  if (body.length === 0) throw malformed(Code.Unimplemented, "the call has no request message");
  if (body.length < envelopeHeaderBytes) throw malformed(Code.InvalidArgument, "the request is cut off");
  const end = envelopeHeaderBytes + body.readUInt32BE(1);
  if (end > envelopeHeaderBytes + bytesMax) throw bodyTooLarge(bytesMax);
  if (end > body.length) throw malformed(Code.InvalidArgument, "the request is cut off");
  if (((body[0] as number) & compressedFlag) !== 0) {
    throw malformed(Code.Internal, "the request is compressed, but no encoding is named");
  }
  if (end < body.length) throw malformed(Code.Unimplemented, "the call has more than one request message");
  return body.subarray(envelopeHeaderBytes, end);
}

function malformed(code: Code, message: string): ConnectError {
  return wireError(code, "REQUEST_MALFORMED", message);
}
