import { expect, test } from "vitest";
import { seed } from "../../support/random.ts";
import { runThreads } from "./threads.ts";

test(`threads read whole versions beside a writer (seed ${seed})`, async () => {
  const { reports, usage } = await runThreads(seed, 3000);
  expect(reports.flatMap(({ faults }) => faults)).toEqual([]);
  expect(usage.retired).toBe(0);
});
