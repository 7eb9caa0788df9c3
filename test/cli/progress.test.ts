import { afterEach, expect, test, vi } from "vitest";
import { Progress } from "../../src/cli/progress.ts";

afterEach(() => vi.restoreAllMocks());

test("the first update is shown, however young the process is, and the next after a pause", () => {
  let now = 5;
  const lines: string[] = [];
  vi.spyOn(performance, "now").mockImplementation(() => now);
  vi.spyOn(process.stderr, "write").mockImplementation((text) => lines.push(String(text)) > 0);
  const isTTY = process.stderr.isTTY;
  process.stderr.isTTY = true;
  try {
    const progress = new Progress("bytes", false);
    progress.end();
    expect(lines).toEqual([]);

    progress.update(500, 1000);
    expect(lines).toEqual([expect.stringContaining("[##########          ] 50 % 500 of 1,000 bytes")]);

    now += 99;
    progress.update(600, 1000);
    expect(lines).toHaveLength(1);

    now += 1;
    progress.update(700, 1000);
    expect(lines).toHaveLength(2);

    progress.end();
    expect(lines[2]).toBe("\r\u001b[K");
  } finally {
    process.stderr.isTTY = isTTY;
  }
});
