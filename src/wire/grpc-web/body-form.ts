import { Code, type ConnectError } from "@connectrpc/connect";
import { wireError } from "../wire-error.ts";

/** How a body of envelopes is written: as it is, or as text for clients that cannot read bytes. */
export interface BodyForm {
  /** How long `bytes` bytes become at most. */
  encodedBytes(bytes: number): number;
  encode(bytes: Buffer): Buffer;
  /** Throws REQUEST_MALFORMED. */
  decode(body: Buffer): Buffer;
}

export const binaryForm: BodyForm = {
  encodedBytes: (bytes) => bytes,
  encode: (bytes) => bytes,
  decode: (body) => body,
};

/** Base64 in any number of parts, each padded by itself: a client or a server may write one as soon as it has it. */
export const textForm: BodyForm = {
  encodedBytes: (bytes) => Math.ceil(bytes / 3) * 4 + 4,
  encode: (bytes) => Buffer.from(bytes.toString("base64"), "latin1"),
  decode: decodeParts,
};

const padding = "=".charCodeAt(0);
/** The value of each digit; negative: no digit. */
const digitValues = new Int8Array(256).fill(-1);
for (const [value, digit] of Buffer.from(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
).entries()) {
  digitValues[digit] = value;
}

/** Decodes four digits at a time, without regard to the parts: there may be one for each four digits. */
function decodeParts(body: Buffer): Buffer {
  if (body.length % 4 !== 0) throw malformed();
  const bytes = Buffer.allocUnsafe((body.length / 4) * 3);
  let end = 0;
  for (let at = 0; at < body.length; at += 4) {
    const padded = body[at + 3] !== padding ? 0 : body[at + 2] !== padding ? 1 : 2;
    const value =
      (valueAt(body, at) << 18) |
      (valueAt(body, at + 1) << 12) |
      (padded === 2 ? 0 : valueAt(body, at + 2) << 6) |
      (padded > 0 ? 0 : valueAt(body, at + 3));
    // What is no digit sets the sign.
    if (value < 0) throw malformed();
    bytes[end++] = value >> 16;
    if (padded < 2) bytes[end++] = value >> 8;
    if (padded < 1) bytes[end++] = value;
  }
  return bytes.subarray(0, end);
}

function valueAt(body: Buffer, at: number): number {
  return digitValues[body[at] as number] as number;
}

function malformed(): ConnectError {
  return wireError(Code.InvalidArgument, "REQUEST_MALFORMED", "the body is not valid base64");
}
