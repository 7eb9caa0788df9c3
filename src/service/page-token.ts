import { crc32 } from "node:zlib";
import { DuetError } from "../errors.ts";

/**
 * A page token: checksum (4 bytes) of the request that it continues and of the last key that was delivered, then that
 * key. The checksum refuses tokens of other requests and tokens that were tampered with by accident; a token gives
 * no access that its holder did not have.
 */
export function encodePageToken(request: string, lastKey: string): string {
  const key = Buffer.from(lastKey);
  const token = Buffer.alloc(4 + key.length);
  token.writeUInt32BE(crc32(key, crc32(request)));
  key.copy(token, 4);
  return token.toString("base64url");
}

/** The last key that was delivered. Throws PAGE_TOKEN_INVALID. */
export function decodePageToken(request: string, pageToken: string): string {
  const token = Buffer.from(pageToken, "base64url");
  const key = token.subarray(4);
  const valid =
    token.length > 4 &&
    token.toString("base64url") === pageToken &&
    token.readUInt32BE() === crc32(key, crc32(request));
  if (!valid) throw new DuetError("PAGE_TOKEN_INVALID", "the page token does not belong to this request");
  return key.toString();
}
