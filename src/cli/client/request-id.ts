import { randomFillSync } from "node:crypto";

/** A UUIDv7 (RFC 9562) of now, as Base64: a write that is repeated with the same one happens once. */
export function createRequestId(): string {
  const bytes = Buffer.alloc(16);
  randomFillSync(bytes);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes.writeUInt8(0x70 | (bytes.readUInt8(6) & 0x0f), 6);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
  return bytes.toString("base64");
}
