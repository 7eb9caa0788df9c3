import { isDeepStrictEqual } from "node:util";
import { expect } from "vitest";

/** `expect(actual).toEqual(expected)` for loops that compare many thousand times: equal values cost a tenth. */
export function expectSame(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected);
}
