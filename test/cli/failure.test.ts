import { expect, onTestFinished, test, vi } from "vitest";
import { CommandFailure } from "../../src/cli/failure.ts";
import { Output } from "../../src/cli/output.ts";

const hostile = "\x1b]0;owned\x07 \u009b2J größe \u202e";
const escaped = String.raw`\u001b]0;owned\u0007 \u009b2J größe \u202e`;

test("a failure shows no control characters of others", () => {
  const failure = new CommandFailure({
    outcome: "failed",
    reason: hostile,
    message: hostile,
    advice: `Stop.\n${hostile}`,
  });
  expect(failure.describe(false)).toBe(`duetkv: ${escaped} (${escaped})\nStop.\n${escaped}`);
  expect(failure.describe(true)).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(JSON.parse(failure.describe(true))).toMatchObject({ message: hostile });
});

test("a terminal shows no control characters of others in JSON, and a program reads the same from it", () => {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  const output = new Output({ json: true, quiet: false, noColor: true });
  onTestFinished(() => write.mockRestore());
  Object.assign(output, { terminal: true }).object({ value: hostile });
  const [text] = write.mock.calls[0] as [string];
  expect(text.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(JSON.parse(text)).toEqual({ value: hostile });
});

test("a warning shows no control characters of others", () => {
  const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  new Output({ json: false, quiet: false, noColor: true }).warn(hostile);
  expect(write.mock.calls).toEqual([[`duetkv: ${escaped}\n`]]);
  write.mockRestore();
});
