import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { createClock, createSharedClock } from "../../../src/committer/background/clock.ts";

const hour = 3_600_000;

afterEach(() => {
  vi.restoreAllMocks();
});

test("starts at the wall clock's time and advances", async () => {
  const before = Date.now();
  const clock = createClock(0);
  const start = clock();
  expect(start).toBeGreaterThanOrEqual(before - 1);
  expect(start).toBeLessThanOrEqual(Date.now());
  while (clock() < start + 5) await sleep(1);
  expect(clock()).toBeLessThan(Date.now() + 2);
});

test.for([hour, -hour])("does not follow a wall clock that is set by %i ms", (difference) => {
  const clock = createClock(0);
  const now = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => now + difference);
  expect(Math.abs(clock() - now)).toBeLessThan(hour / 2);
});

test("after a start with a clock that was set back, continues from the last time in the log", () => {
  const last = Date.now() + hour;
  const clock = createClock(last);
  expect(clock()).toBeGreaterThanOrEqual(last);
  expect(clock()).toBeLessThan(last + hour);
});

test("gives whole milliseconds that never go back", () => {
  const clock = createClock(0);
  const times = Array.from({ length: 100_000 }, () => clock());
  expect(times.every(Number.isInteger)).toBe(true);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

test("the time during which the machine is suspended counts, and a jump of less than a second does not", () => {
  let running = 5000;
  let all = 70_000;
  const clock = createClock(0, { running: () => running, all: () => all });
  const start = clock();
  const pass = (runningMs: number, allMs: number) => {
    running += runningMs;
    all += allMs;
    return clock() - start;
  };
  expect(pass(1500, 1510)).toBe(1500);
  expect(pass(1500, hour + 1500)).toBe(hour + 3010);
  expect(pass(500, 500)).toBe(hour + 3510);
  // A clock that goes back changes nothing.
  expect(pass(1500, -hour)).toBe(hour + 5010);
  expect(pass(1500, 3 * hour)).toBe(3 * hour + 3510);
});

test("a shared clock shows the log's time, also after a correction", () => {
  let time = 5000.7;
  const clock = createSharedClock({ now: () => time, agrees: true });
  expect(clock()).toBe(5000);
  time = 4000;
  expect(clock()).toBe(4000);
});
