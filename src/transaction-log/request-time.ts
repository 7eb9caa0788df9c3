/** The time in a UUIDv7, in milliseconds since 1970 UTC: its first 6 bytes, big-endian. */
export function requestTime(id: Uint8Array): number {
  let time = 0;
  for (let index = 0; index < 6; index++) time = time * 256 + (id[index] as number);
  return time;
}
