import { expect, test } from "vitest";
import { entryBytes, entryOverheadBytes } from "../../src/store/entry.ts";
import { detachText, textBytes } from "../../src/store/text.ts";

test.each([
  ["", 0],
  ["text", 4],
  // One byte a unit in memory, two bytes a character as UTF-8.
  ["é", 2],
  // Two bytes a unit in memory, three bytes a character as UTF-8.
  ["漢字", 6],
  // One character beyond Latin-1 makes V8 keep all of them with two bytes.
  ["x".repeat(100) + "😀", 204],
])("counts %j as what it occupies at the most", (text, bytes) => {
  expect(textBytes(text)).toBe(bytes);
});

test("a detached text is the same text", () => {
  for (const text of ["", "short", "a longer text", "längerer Text", "漢字".repeat(10), "😀".repeat(20)]) {
    expect(detachText(text)).toBe(text);
  }
});

test("counts more for bytes, for a time to live and for a key that needs an order key", () => {
  const plain = entryBytes("key", "value", 0);
  expect(plain).toBe(entryOverheadBytes + 8);
  expect(entryBytes("key", Buffer.from("value"), 0)).toBeGreaterThan(plain + 200);
  expect(entryBytes("key", "value", 1)).toBeGreaterThan(plain + 100);
  expect(entryBytes("😀", "", 0)).toBeGreaterThan(entryBytes("漢字", "", 0));
});
