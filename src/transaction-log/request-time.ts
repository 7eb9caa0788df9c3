/** The time in a UUIDv7 of 32 hexadecimal digits, in milliseconds since 1970 UTC: its first 6 bytes, big-endian. */
export function requestTime(id: string): number {
  return Number.parseInt(id.slice(0, 12), 16);
}
