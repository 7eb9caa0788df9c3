import type { Duration } from "@bufbuild/protobuf/wkt";
import { DuetError } from "../errors.ts";

/** The longest Duration in protobuf: about 10,000 years. */
const ttlSecondsMax = 315_576_000_000n;

/** Converts a ttl to milliseconds, rounded up so that no entry expires early; 0: no ttl. Throws TTL_INVALID. */
export function checkTtl(ttl: Duration | undefined): number {
  if (ttl === undefined) return 0;
  const { seconds, nanos } = ttl;
  if (seconds < 1n || seconds > ttlSecondsMax || nanos < 0 || nanos > 999_999_999) {
    throw new DuetError("TTL_INVALID", "the ttl must be at least one second");
  }
  return Number(seconds) * 1000 + Math.ceil(nanos / 1_000_000);
}
