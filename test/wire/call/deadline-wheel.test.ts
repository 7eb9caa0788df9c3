import { expect, test } from "vitest";
import { type Deadline, DeadlineWheel } from "../../../src/wire/call/deadline-wheel.ts";
import { createRandom, seed } from "../../support/random.ts";

class Timed implements Deadline {
  deadlineTick = 0;
  nextDeadline: Deadline | undefined = undefined;
  previousDeadline: Deadline | undefined = undefined;
  readonly due: number;
  expiredAt: number | undefined = undefined;

  constructor(inMs: number) {
    this.due = performance.now() + inMs;
  }

  expire(): void {
    expect(this.expiredAt).toBeUndefined();
    this.expiredAt = performance.now();
  }
}

test(`each deadline passes once, never early, whatever is added and removed meanwhile (seed ${seed})`, async () => {
  const random = createRandom(seed);
  const wheel = new DeadlineWheel(1);
  const kept: Timed[] = [];
  const removed: Timed[] = [];
  for (let round = 0; round < 2000; round++) {
    // Some lie more than one turn of the wheel ahead.
    const inMs = 1 + random.below(1500);
    const timed = new Timed(inMs);
    wheel.add(timed, inMs);
    if (random.chance(0.5)) kept.push(timed);
    else {
      removed.push(timed);
      wheel.remove(timed);
    }
    if (round % 100 === 0) await new Promise(setImmediate);
  }
  await expect.poll(() => wheel.size, { timeout: 60_000 }).toBe(0);
  // A tick is a millisecond.
  for (const { due, expiredAt } of kept) expect(expiredAt).toBeGreaterThanOrEqual(due - 1);
  for (const { expiredAt } of removed) expect(expiredAt).toBeUndefined();
});

test("a deadline that is removed while others of its tick expire does not expire", async () => {
  const wheel = new DeadlineWheel(1);
  const victim = new Timed(1);
  const expired = Promise.withResolvers<void>();
  const killer: Deadline = {
    deadlineTick: 0,
    nextDeadline: undefined,
    previousDeadline: undefined,
    expire: () => expired.resolve(),
  };
  wheel.add(killer, 1);
  wheel.add(victim, 100_000);
  await expired.promise;
  wheel.remove(victim);
  expect(wheel.size).toBe(0);
  expect(victim.expiredAt).toBeUndefined();
});
