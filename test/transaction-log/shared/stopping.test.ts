import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { StoppingBound } from "../../../src/transaction-log/shared/stopping.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  return () => void vi.useRealTimers();
});

/** Appends that never end, until one of them is given up. */
function begin() {
  const stopping = new AbortController();
  const closed = new AbortController();
  onTestFinished(() => closed.abort());
  const bound = new StoppingBound(stopping.signal, 4_000, closed.signal);
  const append = () => {
    const appending = { givenUp: false };
    bound
      .await(new Promise(() => {}), () => new Error("given up"))
      .catch(() => {
        appending.givenUp = true;
      });
    return appending;
  };
  return { stopping, bound, append };
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test("an append under way at the stop has four seconds more", async () => {
  const { stopping, append } = begin();
  const appending = append();
  await pass(60_000);
  stopping.abort();
  await pass(3_999);
  expect(appending.givenUp).toBe(false);
  await pass(1);
  expect(appending.givenUp).toBe(true);
});

test.each([
  { after: 0, ms: 4_000 },
  { after: 1_000, ms: 3_000 },
  { after: 3_000, ms: 2_000 },
  { after: 7_000, ms: 2_000 },
])("an append that begins $after ms after the stop has $ms ms", async ({ after, ms }) => {
  const { stopping, append } = begin();
  stopping.abort();
  await pass(after);
  const appending = append();
  await pass(ms - 1);
  expect(appending.givenUp).toBe(false);
  await pass(1);
  expect(appending.givenUp).toBe(true);
});

test("an append that ends in time has its own outcome, and leaves no timer", async () => {
  const { stopping, bound } = begin();
  stopping.abort();
  expect(await bound.await(Promise.resolve("appended"), () => new Error("given up"))).toBe("appended");
  await expect(bound.await(Promise.reject(new Error("full")), () => new Error("given up"))).rejects.toThrow(
    "full",
  );
  expect(vi.getTimerCount()).toBe(0);
});
