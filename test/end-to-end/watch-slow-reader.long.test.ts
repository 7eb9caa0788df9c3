import { expect, test } from "vitest";
import { cutOffSlowReaders } from "./slow-readers.ts";

test("watchers that stop reading cost little memory, and others get all of 250 MiB", async () => {
  const most = (await cutOffSlowReaders(250)) / 1024 ** 2;
  expect(most, "MiB; not all that passed on top").toBeLessThan(300);
});
