import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openFileTransactionLogger } from "../../../src/transaction-log/file/file-transaction-logger.ts";
import { runLogCommand } from "../../../src/transaction-log/file/repair/log-command.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

async function run(...args: string[]): Promise<[number, string]> {
  const lines: string[] = [];
  const code = await runLogCommand(args, (line) => lines.push(line));
  return [code, lines.join("\n")];
}

it.each(["verify", "repair"])(
  "does not take a missing or an empty directory for a good log: %s",
  async (verb) => {
    const directory = join(await temporaryDirectory(), "data");
    expect(await run(verb, "--log", `file:${directory}`)).toEqual([
      1,
      `duetkv log: there is no log in ${directory}`,
    ]);
    await mkdir(directory);
    expect(await run(verb, "--log", `file:${directory}`)).toEqual([
      1,
      `duetkv log: there is no log in ${directory}`,
    ]);
  },
);

it("says that a log is good", async () => {
  const directory = await temporaryDirectory();
  await (await openFileTransactionLogger({ directory })).close();
  expect(await run("verify", "--log", `file:${directory}`)).toEqual([
    0,
    expect.stringContaining("The log is good."),
  ]);
});

it.each([
  [],
  ["check"],
  ["verify", "repair"],
  ["verify", "--apply"],
  ["verify", "--log", "memory:"],
  ["--bad"],
])("does not guess what %j means", async (...args) => {
  const [code, text] = await run(...args);
  expect(code).toBe(2);
  expect(text).toContain("usage: duetkv log verify");
});
