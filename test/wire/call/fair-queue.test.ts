import { expect, test } from "vitest";
import { FairQueue } from "../../../src/wire/call/fair-queue.ts";

function takeAll(queue: FairQueue<string, string>): string {
  let all = "";
  for (let item = queue.take(); item !== undefined; item = queue.take()) all += item;
  return all;
}

test("owners take turns, and the items of each stay in order", () => {
  const queue = new FairQueue<string, string>();
  for (const item of "1234") queue.add("a", item);
  for (const item of "xy") queue.add("b", item);
  queue.add("c", "!");
  expect([queue.countOf("a"), queue.countOf("b"), queue.countOf("d")]).toEqual([4, 2, 0]);
  expect(takeAll(queue)).toBe("1x!2y34");
  expect(queue.countOf("a")).toBe(0);
});

test("an owner that comes back waits for the others", () => {
  const queue = new FairQueue<string, string>();
  for (const item of "12") queue.add("a", item);
  for (const item of "xy") queue.add("b", item);
  expect(queue.take()).toBe("1");
  queue.add("a", "3");
  expect(takeAll(queue)).toBe("x2y3");
});
