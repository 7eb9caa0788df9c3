import { crc32 } from "node:zlib";
import { DuetError } from "../errors.ts";

/** Where a page ended. */
export interface PagePosition {
  /** A revision, as the call that made the token understands it. */
  readonly revision: number;
  /** The last key that was delivered, if the pages are of several keys. */
  readonly lastKey: string;
}

const headerBytes = 4 + 8;

/**
 * A page token: checksum (4 bytes) of the request that it continues and of what follows; revision (8 bytes); key. The
 * checksum refuses tokens of other requests and tokens that were tampered with by accident; a token gives no access that
 * its holder did not have.
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
  if (!valid) throw new DuetError("PAGE_TOKEN_INVALID", "the page token does not belong to this request");
  return { revision: Number(token.readBigUInt64BE(4)), lastKey: token.toString("utf8", headerBytes) };
}

function checksum(request: string, token: Buffer): number {
  return crc32(token.subarray(4), crc32(request));
}
