import { expect, test } from "vitest";
import { formatJson, lineEndOf } from "../../console/src/value.ts";

test("JSON is indented, and its tokens stay as they are", () => {
  const text = '{"n":12345678901234567890,"x": 1.0,"big":1e400,"n":2,"s":"a, {\\"b\\": [1]}","e":[ ],"o":{}}';
  expect(formatJson(text)).toBe(`{
  "n": 12345678901234567890,
  "x": 1.0,
  "big": 1e400,
  "n": 2,
  "s": "a, {\\"b\\": [1]}",
  "e": [],
  "o": {}
}`);
  const plain = { a: [1, -2.5, [], [{}]], b: { c: null, d: '\u2028\\ "' }, "": true };
  expect(formatJson(JSON.stringify(plain))).toBe(JSON.stringify(plain, undefined, 2));
  expect(["1", '"a"', "{", "a"].map(formatJson)).toEqual(["1", '"a"', undefined, undefined]);
});

test("the size of indented JSON is in proportion to its text, however deep it is", () => {
  const text = `${"[".repeat(2000)}${"]".repeat(2000)}`;
  expect(formatJson(text)?.length).toBeLessThan(70 * text.length);
});

test("a text has one line end, or different ones", () => {
  expect(["a", "a\nb\n", "a\r\nb\r\n", "a\r\nb\n", "a\rb", "\n\r\n"].map(lineEndOf)).toEqual([
    "\n",
    "\n",
    "\r\n",
    undefined,
    undefined,
    undefined,
  ]);
});
