import { expect, test } from "vitest";
import { isValidAuthority } from "../../../src/wire/listener/authority.ts";

test.each([
  ["localhost", true],
  ["127.0.0.1:8080", true],
  ["[::1]:8080", true],
  ["a:65535", true],
  ["a:", true],
  ["a:65536", false],
  ["a:b", false],
  ["a b", false],
  ["a/b", false],
  ["", false],
  [undefined, false],
])("%j is valid: %j, also asked twice and after another host", (authority, isValid) => {
  for (const before of [authority, "other:1"]) {
    isValidAuthority(before);
    expect(isValidAuthority(authority)).toBe(isValid);
  }
});
