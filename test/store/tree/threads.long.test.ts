import { expect, test } from "vitest";
import { rounds, seed } from "../../support/random.ts";
import { findFault, runThreads } from "./threads.ts";

test(`threads read whole versions beside a writer (seed ${seed})`, async () => {
  const { reports, usage } = await runThreads(seed, 20_000 * rounds);
  console.info(JSON.stringify(reports));
  for (const report of reports) {
    expect(report.faults).toEqual([]);
    expect(report.scans).toBeGreaterThan(0);
    expect(report.revisions).toBeGreaterThan(10);
  }
  expect(usage.retired).toBe(0);
});

// Without it, the test above would not prove much.
test(`threads without pins find faults (seed ${seed})`, async () => {
  expect(await findFault(seed, 2_000_000)).toBe(true);
});
