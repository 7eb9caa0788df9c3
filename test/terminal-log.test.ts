import { expect, test } from "vitest";
import { formatForTerminal } from "../src/terminal-log.ts";

const time = new Date(2030, 0, 2, 3, 4, 5).getTime();

test("shows time, level, event and fields on one line", () => {
  const line = {
    level: 30,
    time,
    pid: 1,
    hostname: "h",
    listen: "127.0.0.1:1",
    note: "two words",
    n: 2,
    msg: "ready",
  };
  expect(formatForTerminal(JSON.stringify(line))).toBe(
    '03:04:05  info  ready  listen=127.0.0.1:1  note="two words"  n=2\n',
  );
});

test("shows the stack of an error below it", () => {
  const err = { type: "Error", message: "disk full", stack: "Error: disk full\n    at write" };
  const text = formatForTerminal(JSON.stringify({ level: 50, time, err, msg: "log append failed" }));
  expect(text).toContain('log append failed  error="disk full"\n    Error: disk full\n        at write\n');
});

test("escapes control characters of fields", () => {
  const text = formatForTerminal(JSON.stringify({ level: 30, time, peer: "a\u001b[2J", msg: "x" }));
  expect(text).toBe('03:04:05  info  x  peer="a\\u001b[2J"\n');
});
