import { randomBytes } from "node:crypto";

/** A UUIDv7 of a time in milliseconds since 1970, and otherwise random. */
export function uuid7(time: number): Uint8Array<ArrayBuffer> {
  const id = randomBytes(16);
  id.writeUIntBE(time, 0, 6);
  id[6] = ((id[6] as number) & 0x0f) | 0x70;
  id[8] = ((id[8] as number) & 0x3f) | 0x80;
  return new Uint8Array(id);
}
