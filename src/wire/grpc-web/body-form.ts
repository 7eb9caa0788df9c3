import { Code } from "@connectrpc/connect";
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

/** Digits and the padding that may end them. */
const base64Parts = /[A-Za-z0-9+/]+={0,2}/g;

/** Base64 in any number of parts, each padded by itself: a client or a server may write one as soon as it has it. */
export const textForm: BodyForm = {
  encodedBytes: (bytes) => Math.ceil(bytes / 3) * 4 + 4,
  encode: (bytes) => Buffer.from(bytes.toString("base64"), "latin1"),
  decode(body) {
    const text = body.toString("latin1");
    const parts = text.match(base64Parts) ?? [];
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    if (length !== text.length || parts.some((part) => part.length % 4 !== 0)) {
      throw wireError(Code.InvalidArgument, "REQUEST_MALFORMED", "the body is not valid base64");
    }
    return Buffer.concat(parts.map((part) => Buffer.from(part, "base64")));
  },
};
