import { expect, test } from "vitest";
import { murmur3 } from "../../src/store/murmur3.ts";

// Reference values are those of the package mmh3 of Python, hash128 with x64arch=False.
test.each([
  ["The quick brown fox jumps over the lazy dog, twi", "8afbeb2beba4a844adccd527d75b8103"],
  ["", "00000000000000000000000000000000"],
])("hashes %j as the reference implementation does", (text, expected) => {
  const words = new Int32Array(16);
  const length = Buffer.from(words.buffer).write(text);
  const hash = new Int32Array(4);
  murmur3(words, length, hash);
  expect(Buffer.from(hash.buffer).toString("hex")).toBe(expected);
});
