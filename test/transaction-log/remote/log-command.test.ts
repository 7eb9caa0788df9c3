import { expect, it, onTestFinished } from "vitest";
import { runOnRemoteLog } from "../../../src/transaction-log/log-command.ts";
import { MemoryLogEngine } from "../../support/memory-log-engine.ts";
import { seed } from "../../support/random.ts";
import { simple } from "../log-model.ts";
import { openLogger } from "./loggers.ts";

/** A log of 20 batches. Reads of any copy read the second one. */
async function makeLog() {
  const engine = new MemoryLogEngine(seed);
  const log = await openLogger(engine);
  onTestFinished(() => log.close());
  for (let basis = 0; basis < 20; basis++) await log.append(basis, [simple(basis + 1)]);
  const driver = engine.connect();
  const read = driver.read.bind(driver);
  driver.read = (after, copy) => read(after, copy === "any" ? 1 : copy);
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
  return { engine, run };
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
    expect.stringMatching("^2 reads found a damaged copy"),
  ]);
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
