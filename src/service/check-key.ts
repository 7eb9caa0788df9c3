import { DuetError } from "../errors.ts";
import type { Limits } from "../limits.ts";

/** Checks a key. Throws KEY_EMPTY, KEY_TOO_LONG or KEY_INVALID. */
export function checkKey(key: string, limits: Pick<Limits, "keyBytesMax">): string {
  if (key === "")
    throw new DuetError("KEY_EMPTY", "the key is empty; to list keys, use List (REST: GET /v1/key?prefix=…)");
  return checkKeyPart(key, limits);
}

/** Checks a prefix or a range bound: a key that may be empty. */
export function checkKeyPart(key: string, { keyBytesMax }: Pick<Limits, "keyBytesMax">): string {
  // UTF-8 has one to three bytes for each UTF-16 unit, so that most keys need no measuring.
  if (key.length > keyBytesMax || (key.length * 3 > keyBytesMax && Buffer.byteLength(key) > keyBytesMax)) {
    throw new DuetError("KEY_TOO_LONG", `the key is longer than ${keyBytesMax} bytes (--key-bytes-max)`);
  }
  if (key.includes("\0")) throw new DuetError("KEY_INVALID", "the key contains NUL");
  if (!key.isWellFormed()) throw new DuetError("KEY_INVALID", "the key is not valid Unicode");
  return key;
}
