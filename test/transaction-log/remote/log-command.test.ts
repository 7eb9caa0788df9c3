import { expect, it, onTestFinished } from "vitest";
import { runOnRemoteLog } from "../../../src/transaction-log/log-command.ts";
import { readsOfEachCopy } from "../../../src/transaction-log/remote/inspect.ts";
import { MemoryLogEngine } from "../../support/memory-log-engine.ts";
import { seed } from "../../support/random.ts";
import { retaining, simple, simples } from "../log-model.ts";
import { openLogger } from "./loggers.ts";

/** A log of 20 batches. `pick` says which copy is read when any will do. */
async function makeLog(pick = () => 1) {
  const engine = new MemoryLogEngine(seed);
  const log = await openLogger(engine);
  onTestFinished(() => log.close());
  for (let basis = 0; basis < 20; basis++) await log.append(basis, [simple(basis + 1)]);
  const driver = engine.connect();
  const read = driver.read.bind(driver);
  driver.read = (after, copy) => read(after, copy === "any" ? pick() : copy);
  const run = async (verb: "verify" | "cat") => {
    const results: string[] = [];
    const errors: string[] = [];
    const code = await runOnRemoteLog(
      verb,
      driver,
      (line) => results.push(line),
      (line) => errors.push(line),
    );
    return { code, results, errors };
  };
  return { engine, log, driver, run };
}

const summary = "20 batches, 20 transactions; last sequence 20, horizon 0";

it("says that a log without damage is good", async () => {
  const { run } = await makeLog();
  expect(await run("verify")).toEqual({ code: 0, results: [summary, "The log is good."], errors: [] });
});

it.each([
  ["lost", "the batch after 7 is missing"],
  ["flipped", "cannot be decoded"],
] as const)("does not call a log good whose second copy is damaged: %s", async (how, what) => {
  const { engine, run } = await makeLog();
  for (const batch of [7, 12]) engine.damageCopy(1, engine.batches[batch] as number, how);
  const { code, results, errors } = await run("verify");
  expect({ code, errors }).toEqual({ code: 9, errors: [] });
  expect(results).toEqual([
    expect.stringMatching(`^damaged copy: .*${what}.*; the copies are on one, two and three$`),
    expect.stringMatching("^damaged copy: "),
    summary,
    expect.stringMatching("^40 reads found a damaged copy"),
  ]);
});

it.each([7, 19])("finds a damaged copy that only one of many reads shows: batch %s", async (batch) => {
  let reads = 0;
  const { engine, run } = await makeLog(() => (reads++ === 12 ? 1 : 0));
  engine.damageCopy(1, engine.batches[batch] as number, "lost");
  const { code, results } = await run("verify");
  expect(code).toBe(9);
  expect(results[0]).toMatch(/^damaged copy: .* missing/);
  expect(results.at(-1)).toMatch(/^1 read found a damaged copy/);
});

it.each([
  [1, 1],
  [3, 20],
  [5, 39],
])("reads a part of the log so often that no copy of %s is left out: %s times", (copies, reads) => {
  expect(readsOfEachCopy(copies)).toBe(reads);
  // The probability that one of them is left out is at most the sum of those of each.
  const leftOut = copies === 1 ? 0 : copies * (1 - 1 / copies) ** reads;
  expect(leftOut).toBeLessThanOrEqual(0.001);
});

it("says that it has read less when the log was compacted meanwhile", async () => {
  let reads = 0;
  const { driver, log, run } = await makeLog(() => 0);
  log.applied(20);
  const read = driver.read.bind(driver);
  driver.read = async (after, copy) => {
    if (copy === "any" && reads++ === 3) await log.compact(retaining(15, simples(1, 20)));
    return read(after, copy);
  };
  const { code, results } = await run("verify");
  expect({ code, results }).toEqual({
    code: 0,
    results: [summary, expect.stringMatching("^Read 3 of 20 times, because"), "The log is good."],
  });
});

it("prints all transactions of a log with a damaged copy, and the damage apart from them", async () => {
  const { engine, run } = await makeLog();
  engine.damageCopy(1, engine.batches[7] as number, "lost");
  const { code, results, errors } = await run("cat");
  expect(code).toBe(0);
  expect(results.map((line) => JSON.parse(line).sequence)).toEqual(
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  expect(errors).toEqual([expect.stringMatching("^damaged copy: the batch after 7 is missing")]);
});

it("rejects when all copies are damaged", async () => {
  const { engine, run } = await makeLog();
  for (const copy of [0, 1, 2]) engine.damageCopy(copy, engine.batches[7] as number, "flipped");
  await expect(run("verify")).rejects.toMatchObject({ reason: "LOG_CORRUPT" });
});
