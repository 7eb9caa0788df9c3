import { DuetError } from "../errors.ts";
import type { Limits } from "../limits.ts";

/** Throws KEY_EMPTY, KEY_TOO_LONG or KEY_INVALID. */
export function checkKey(key: string, limits: Pick<Limits, "keyBytesMax">): string {
  if (key === "")
    throw new DuetError("KEY_EMPTY", "the key is empty; to list keys, use List (REST: GET /v1/key?prefix=…)");
  return checkKeyPart(key, limits);
}

/** A prefix or a bound: a key that may be empty. */
export function checkKeyPart(key: string, { keyBytesMax }: Pick<Limits, "keyBytesMax">): string {
  // A string has at least as many bytes as units, so that most need not be measured.
  if (key.length > keyBytesMax || (key.length * 3 > keyBytesMax && Buffer.byteLength(key) > keyBytesMax)) {
    throw new DuetError("KEY_TOO_LONG", `the key is longer than ${keyBytesMax} bytes`);
  }
  if (key.includes("\0")) throw new DuetError("KEY_INVALID", "the key contains NUL");
  if (!key.isWellFormed()) throw new DuetError("KEY_INVALID", "the key is not valid Unicode");
  return key;
}
