import { afterEach, expect, test, vi } from "vitest";
import { SharedClock } from "../../../src/transaction-log/shared/shared-clock.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** A clock on a machine whose wall clock is `aheadMs` ahead of the database's, and its log lines. */
function start(aheadMs: number) {
  const logged: string[] = [];
  const note = (_details: object, message: string) => logged.push(message);
  let monotonic = 1_000;
  let wallAhead = aheadMs;
  const databaseStart = 1_700_000_000_000;
  vi.spyOn(performance, "now").mockImplementation(() => monotonic);
  vi.spyOn(Date, "now").mockImplementation(() => databaseStart + monotonic + wallAhead);
  const clock = new SharedClock({ info: note, warn: note, error: note });
  return {
    clock,
    logged,
    databaseTime: () => databaseStart + monotonic,
    pass: (ms: number) => {
      monotonic += ms;
    },
    setWallClock: (newAheadMs: number) => {
      wallAhead = newAheadMs;
    },
    /** A heartbeat whose request takes `there` and whose response takes `back` milliseconds. */
    beat: (there: number, back: number) => {
      const began = monotonic;
      monotonic += there;
      const time = databaseStart + monotonic;
      monotonic += back;
      clock.learn(time, began, monotonic);
    },
  };
}

test.each([3_600_000, -3_600_000])(
  "returns the database's time on a machine that is %i ms ahead",
  (aheadMs) => {
    const { clock, beat, pass, databaseTime, setWallClock } = start(aheadMs);
    beat(1, 1);
    expect(clock.now()).toBe(databaseTime());
    pass(400);
    setWallClock(0);
    expect(clock.now()).toBe(databaseTime());
  },
);

test("ignores the uncertainty of a late response", () => {
  const { clock, beat, databaseTime } = start(0);
  beat(1, 1);
  beat(1, 8_000);
  expect(clock.now()).toBe(databaseTime());
  expect(clock.agrees).toBe(true);
});

test("corrects the estimate after the monotonic clock stood still", () => {
  const { clock, beat, databaseTime } = start(0);
  beat(1, 1);
  clock.learn(databaseTime() + 5_000, performance.now(), performance.now());
  expect(clock.now()).toBe(databaseTime() + 5_000);
});

test("agrees with the database up to a second, and logs each change", () => {
  const { clock, beat, logged, setWallClock } = start(900);
  beat(10, 10);
  expect([clock.agrees, logged]).toEqual([true, []]);
  for (const aheadMs of [1_100, -1_100]) {
    setWallClock(aheadMs);
    beat(10, 10);
    beat(10, 10);
    expect(clock.agrees).toBe(false);
    setWallClock(0);
    beat(10, 10);
    expect(clock.agrees).toBe(true);
  }
  expect(logged).toEqual([
    expect.stringContaining("clock skew detected"),
    expect.stringContaining("clock skew resolved"),
    expect.stringContaining("clock skew detected"),
    expect.stringContaining("clock skew resolved"),
  ]);
});
