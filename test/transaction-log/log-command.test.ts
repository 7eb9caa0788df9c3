import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openFileTransactionLogger } from "../../src/transaction-log/file/file-transaction-logger.ts";
import { catLog } from "../../src/transaction-log/file/repair/cat.ts";
import { runLogCommand } from "../../src/transaction-log/log-command.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { flipByte, makeLog } from "./file/damaged-log.ts";
import { put, simples, transaction } from "./log-model.ts";

async function run(...args: string[]): Promise<[number, string]> {
  const lines: string[] = [];
  const code = await runLogCommand(args, (line) => lines.push(line));
  return [code, lines.join("\n")];
}

it.each(["verify", "repair", "cat"])(
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

it("prints each transaction as a line of JSON, in order", async () => {
  const directory = await temporaryDirectory();
  const log = await openFileTransactionLogger({ directory });
  const time = Date.UTC(2026, 10, 27);
  await log.append(0, [
    {
      sequence: 1,
      time,
      events: [put("a", "text"), put("b", Uint8Array.of(0, 255), { expireTime: time + 1000 })],
      request: undefined,
    },
  ]);
  await log.append(1, [
    { ...transaction(2, { type: "delete", key: "b", expired: true }), time: time + 1 },
    { ...transaction(3, put("c", "")), time: Number.MAX_SAFE_INTEGER },
  ]);
  await log.close();
  const [code, text] = await run("cat", "--log", `file:${directory}`);
  expect(code).toBe(0);
  const common = { createRevision: 1, version: 1 };
  expect(text.split("\n").map((line) => JSON.parse(line))).toEqual([
    {
      sequence: 1,
      time: "2026-11-27T00:00:00.000Z",
      events: [
        { type: "put", key: "a", value: "text", ...common },
        { type: "put", key: "b", bytesValue: "AP8=", ...common, expireTime: "2026-11-27T00:00:01.000Z" },
      ],
    },
    { sequence: 2, time: "2026-11-27T00:00:00.001Z", events: [{ type: "delete", key: "b", expired: true }] },
    { sequence: 3, time: Number.MAX_SAFE_INTEGER, events: [{ type: "put", key: "c", value: "", ...common }] },
  ]);
});

it("prints the transactions before the damage, and then its place", async () => {
  const { fileSystem, files } = await makeLog(
    simples(1, 60).map((one) => [one]),
    [19],
  );
  const damaged = files[2] as { name: string };
  flipByte(fileSystem, damaged.name, 300);
  const before = fileSystem.names();
  const lines: string[] = [];
  const failed = catLog("/data", (line) => lines.push(line), fileSystem);
  await expect(failed).rejects.toMatchObject({ reason: "LOG_CORRUPT", metadata: { file: damaged.name } });
  const sequences = lines.map((line) => JSON.parse(line).sequence);
  expect(sequences.at(-1)).toBeGreaterThan(Number(damaged.name.slice(0, 20)));
  // After the snapshot none is left out.
  const whole = sequences.filter((sequence) => sequence > 20);
  expect(whole).toEqual(whole.map((_, index) => 21 + index));
  expect(fileSystem.names()).toEqual(before);
  expect(fileSystem.openFiles).toBe(0);
});

it("prints errors apart from results", async () => {
  const results: string[] = [];
  const errors: string[] = [];
  const directory = join(await temporaryDirectory(), "missing");
  const code = await runLogCommand(
    ["cat", "--log", `file:${directory}`],
    (line) => results.push(line),
    (line) => errors.push(line),
  );
  expect([code, results, errors]).toEqual([1, [], [`duetkv log: there is no log in ${directory}`]]);
});

it.each([
  [],
  ["check"],
  ["cat", "--apply"],
  ["verify", "repair"],
  ["verify", "--apply"],
  ["verify", "--log", "memory:"],
  ["--bad"],
])("does not guess what %j means", async (...args) => {
  const [code, text] = await run(...args);
  expect(code).toBe(2);
  expect(text).toContain("usage: duetkv log verify");
});
