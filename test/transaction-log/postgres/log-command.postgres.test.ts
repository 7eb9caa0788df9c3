import { beforeEach, expect, it } from "vitest";
import { runLogCommand } from "../../../src/transaction-log/log-command.ts";
import { sharedPostgres } from "../../support/shared-postgres.ts";
import { LogModel, simples } from "../log-model.ts";
import { openLogger } from "./loggers.ts";

const server = sharedPostgres();
let url: string;

async function run(verb: string, ...more: string[]) {
  const lines: string[] = [];
  const errors: string[] = [];
  const print = (line: string) => lines.push(line);
  const code = await runLogCommand([verb, "--log", url, ...more], print, (line) => errors.push(line));
  return { code, lines, errors };
}

const sequences = (lines: readonly string[]) => lines.map((line) => JSON.parse(line).sequence);

/** Rows that end at 10, 20, 21, 22 …; what is before 15 was compacted. */
beforeEach(async () => {
  url = await server.createDatabase();
  const log = await openLogger(url);
  const model = new LogModel();
  model.transactions.push(...simples(1, 30));
  await log.append(0, model.transactions.slice(0, 10));
  await log.append(10, model.transactions.slice(10, 20));
  for (let basis = 20; basis < 30; basis++)
    await log.append(basis, model.transactions.slice(basis, basis + 1));
  await log.compact(model.retentionAt(15));
  await log.close();
});

it("verifies and prints a log, also while a replica has it open", async () => {
  const log = await openLogger(url);
  expect(await run("verify")).toEqual({
    code: 0,
    lines: ["11 rows, 22 transactions; last sequence 30, horizon 15", "The log is good."],
    errors: [],
  });
  const { code, lines, errors } = await run("cat");
  expect([code, errors]).toEqual([0, []]);
  expect(sequences(lines)).toEqual(simples(9, 22).map(({ sequence }) => sequence));
  expect(JSON.parse(lines.at(-1) as string)).toEqual({
    sequence: 30,
    time: "2023-11-14T22:13:20.030Z",
    events: [{ type: "put", key: "key 2", value: "value 30", createRevision: 1, version: 1 }],
  });
  await log.close();
});

const damages: readonly (readonly [string, string])[] = [
  ["the bytes of a row", "UPDATE duetkv.transactions SET events = set_byte(events, 80, 0) WHERE last = 25"],
  ["the end of a row", "UPDATE duetkv.transactions SET last = 425 WHERE last = 25"],
  ["a row that is gone", "DELETE FROM duetkv.transactions WHERE last = 25"],
  ["the id of a batch", "UPDATE duetkv.batches SET id = gen_random_uuid() WHERE last = 25"],
  ["the basis of a batch", "UPDATE duetkv.batches SET basis = 7 WHERE last = 25"],
  ["the end of a batch", "UPDATE duetkv.batches SET last = 1025 WHERE last = 25"],
  ["a batch that is gone", "DELETE FROM duetkv.batches WHERE last = 25"],
];
it.each(damages)("finds damage, and prints the transactions before it: %s", async (_what, change) => {
  await server.query(url, change);
  const verified = await run("verify");
  expect(verified).toMatchObject({
    code: 9,
    errors: [expect.stringContaining("the log in the database is damaged")],
  });
  expect(verified.lines).toEqual([expect.stringMatching(/last sequence 2[45], horizon 15$/)]);
  const printed = await run("cat");
  expect([printed.code, printed.errors]).toEqual([9, verified.errors]);
  expect(sequences(printed.lines).at(-1)).toBeOneOf([24, 25]);
});

it("finds no log in an empty database, creates none, and refuses a later one", async () => {
  const good = url;
  url = await server.createDatabase();
  const missing = "duetkv log: there is no log of this deployment in the database";
  expect(await run("verify")).toEqual({ code: 1, lines: [], errors: [missing] });
  expect(await server.query(url, "SELECT to_regnamespace('duetkv') AS schema")).toEqual([{ schema: null }]);
  url = good;
  expect(await run("cat", "--deployment", "other")).toEqual({ code: 1, lines: [], errors: [missing] });
  await server.query(url, "INSERT INTO duetkv.migrations (version) VALUES (1000)");
  expect(await run("verify")).toMatchObject({ code: 1, errors: [expect.stringContaining("version 1000")] });
});
