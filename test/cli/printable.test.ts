import { expect, test } from "vitest";
import { isTerminalSafe, toPrintable, toTerminalText } from "../../src/cli/printable.ts";

test.each([
  ["config/db/host", "config/db/host"],
  ["größe ✓ 名前", "größe ✓ 名前"],
  ["", ""],
  ["a\nb", '"a\\nb"'],
  ['"quoted"', '"\\"quoted\\""'],
  ["\u001b[2J", '"\\u001b[2J"'],
  ["a\u007f", '"a\\u007f"'],
  ["a\u202eb", '"a\\u202eb"'],
  ["a\u{e0001}b", '"a\\udb40\\udc01b"'],
])("%j is shown as %s, and can be read back", (text, shown) => {
  expect(toPrintable(text)).toBe(shown);
  if (shown.startsWith('"')) expect(JSON.parse(shown)).toBe(text);
});

test.each([
  ["two\nlines\tand\r\na tab", true],
  ["\u001b]0;title\u0007", false],
  ["over\rwritten", false],
])("%j is safe on a terminal: %s", (text, safe) => {
  expect(isTerminalSafe(text)).toBe(safe);
});

test("lines for a terminal keep their tabs, line ends and the codes of the command line, and escape all else", () => {
  const [red, end] = ["\u001b[31m", "\u001b[39m"];
  const text = `${red}fault${end}\t7\u001b[2J\r\nover\rwritten\n\u202e`;
  expect(toTerminalText(text, [red, end])).toBe(
    `${red}fault${end}\t7\\u001b[2J\r\nover\\u000dwritten\n\\u202e`,
  );
});
