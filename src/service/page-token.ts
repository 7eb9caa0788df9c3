import { crc32 } from "node:zlib";
import { DuetError } from "../errors.ts";

/** The position at which a page ended. */
export interface PagePosition {
  /** A revision; its meaning depends on the method. */
  readonly revision: number;
  /** The last key of the page; empty for pages of a single key. */
  readonly lastKey: string;
}

const headerBytes = 4 + 8;

/**
 * A page token: checksum (4 bytes) of the request and the rest of the token; revision (8 bytes); key. The checksum
 * detects tokens of other requests and accidental changes. A token gives no access beyond that of its request.
 */
export function encodePageToken(request: string, { revision, lastKey }: PagePosition): string {
  const key = Buffer.from(lastKey);
  const token = Buffer.alloc(headerBytes + key.length);
  token.writeBigUInt64BE(BigInt(revision), 4);
  key.copy(token, headerBytes);
  token.writeUInt32BE(checksum(request, token));
  return token.toString("base64url");
}

/** Throws PAGE_TOKEN_INVALID. */
export function decodePageToken(request: string, pageToken: string): PagePosition {
  const token = Buffer.from(pageToken, "base64url");
  const valid =
    token.length >= headerBytes &&
    token.toString("base64url") === pageToken &&
    token.readUInt32BE() === checksum(request, token);
  if (!valid)
    throw new DuetError(
      "PAGE_TOKEN_INVALID",
      "the page token does not belong to this request; repeat the request's other fields unchanged",
    );
  return { revision: Number(token.readBigUInt64BE(4)), lastKey: token.toString("utf8", headerBytes) };
}

function checksum(request: string, token: Buffer): number {
  return crc32(token.subarray(4), crc32(request));
}
