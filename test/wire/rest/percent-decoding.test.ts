import { expect, test } from "vitest";
import { decodePercent } from "../../../src/wire/rest/percent-decoding.ts";

test.each([
  ["", ""],
  ["a/b", "a/b"],
  ["a%2Fb", "a/b"],
  ["a%252Fb", "a%2Fb"],
  ["%00", "\0"],
  ["a+b", "a+b"],
  ["%20%09%0A", " \t\n"],
  ["..", ".."],
  ["%2e%2E", ".."],
  ["%F0%9F%A6%86", "🦆"],
  ["%f0%9f%a6%86", "🦆"],
  ["%EF%BB%BFx", "\ufeffx"],
])("%j is %j", (raw, text) => expect(decodePercent(raw)).toBe(text));

test.each([
  "%",
  "%a",
  "a%",
  "%zz",
  "%u0041",
  "%ff",
  "%C3",
  "%C0%AF",
  "%E0%80%AF",
  "%ED%A0%80",
  "%F4%90%80%80",
  "\xff",
  "\xc3\xa9",
  "\xc3%a9",
])("%j is nothing", (raw) => expect(decodePercent(raw)).toBeUndefined());
