import type { Duration } from "@bufbuild/protobuf/wkt";
import { DuetError } from "../errors.ts";

/** The longest Duration that protobuf allows: about 10,000 years. */
const ttlSecondsMax = 315_576_000_000n;

/** Milliseconds, rounded up so that nothing expires early; 0: never. Throws TTL_INVALID. */
export function checkTtl(ttl: Duration | undefined): number {
  if (ttl === undefined) return 0;
  const { seconds, nanos } = ttl;
  if (seconds < 1n || seconds > ttlSecondsMax || nanos < 0 || nanos > 999_999_999) {
    throw new DuetError("TTL_INVALID", "the ttl is not a duration of at least one second");
  }
  return Number(seconds) * 1000 + Math.ceil(nanos / 1_000_000);
}
