import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openFileTransactionLogger } from "../../../src/transaction-log/file/file-transaction-logger.ts";
import { repairLog } from "../../../src/transaction-log/file/repair/repair.ts";
import { verifyLog } from "../../../src/transaction-log/file/repair/verify.ts";
import { runLogCommand } from "../../../src/transaction-log/log-command.ts";
import type { Transaction } from "../../../src/transaction-log/transaction-logger.ts";
import { createRandom, rounds, seed, stride } from "../../support/random.ts";
import { put, readAll, simples, transaction } from "../log-model.ts";
import { cutAt, directory, expectOpens, flipByte, logFiles, makeLog, openIn, pathOf } from "./damaged-log.ts";
import type { MemoryFileSystem } from "./memory-file-system.ts";

/** Far longer than it takes, so that a slow machine does not decide. */
const timeout = 120_000;

const oneEach = (count: number) => simples(1, count).map((one) => [one]);

/** Contents of all files but the lock. */
function contents(fileSystem: MemoryFileSystem): Map<string, Buffer> {
  const names = logFiles(fileSystem);
  return new Map(names.map((name) => [name, Buffer.from(fileSystem.content(pathOf(name)))]));
}

describe("verifyLog", { timeout }, () => {
  it("reports a good log and changes nothing", async () => {
    const { fileSystem } = await makeLog(oneEach(40), [9]);
    const before = contents(fileSystem);
    const report = await verifyLog(directory, fileSystem);
    expect(report).toMatchObject({ lastSequence: 40, horizon: 10, findings: [] });
    // Ten transactions wrote seven keys.
    expect(report.transactions).toBe(7 + 30);
    expect(contents(fileSystem)).toEqual(before);
    expect(fileSystem.openFiles).toBe(0);
  });

  it("distinguishes torn from corrupt", async () => {
    const { fileSystem, files, lastFrame } = await makeLog(oneEach(40), [], "kill");
    const last = files.at(-1) as { name: string };
    const torn = fileSystem.copy();
    cutAt(torn, last.name, lastFrame + 9, "zeros");
    expect((await verifyLog(directory, torn)).findings).toMatchObject([
      { kind: "torn", file: last.name, offset: lastFrame },
    ]);
    const corrupt = fileSystem.copy();
    flipByte(corrupt, last.name, 50);
    expect(await verifyLog(directory, corrupt)).toMatchObject({
      lastSequence: Number(last.name.slice(0, 20)) - 1,
      findings: [{ kind: "corrupt", file: last.name, offset: 40 }],
    });
  });
});

describe("repairLog", { timeout }, () => {
  it("leaves a good log alone", async () => {
    const { fileSystem } = await makeLog(oneEach(40), [9]);
    const before = contents(fileSystem);
    for (const apply of [false, true]) {
      expect(await repairLog(directory, { apply }, fileSystem)).toEqual({
        damaged: false,
        actions: [],
        lostTransactions: 0,
        lastSequence: 40,
      });
    }
    expect(contents(fileSystem)).toEqual(before);
  });

  it("changes nothing without `apply`, and reports what it would do", async () => {
    const { fileSystem, files } = await makeLog(oneEach(60));
    const damaged = files[1] as { name: string };
    flipByte(fileSystem, damaged.name, 300);
    const before = contents(fileSystem);
    const report = await repairLog(directory, { apply: false }, fileSystem);
    expect(contents(fileSystem)).toEqual(before);
    expect(report.damaged).toBe(true);
    expect(report.actions.join("\n")).toContain(damaged.name);
    // One frame is not recognisable any more.
    expect(report.lastSequence + 1 + report.lostTransactions).toBe(60);
  });

  it(`cuts at the first damage, keeps a copy and reports how much is lost (SEED=${seed})`, async () => {
    const made = await makeLog(oneEach(60));
    for (const [index, { name, end }] of made.files.entries()) {
      for (let offset = seed % (37 * stride); offset < end; offset += 37 * stride) {
        if (index === made.files.length - 1 && offset >= made.lastFrame) break;
        const fileSystem = made.fileSystem.copy();
        flipByte(fileSystem, name, offset);
        const before = contents(fileSystem);
        const planned = await repairLog(directory, { apply: false }, fileSystem);
        const done = await repairLog(directory, { apply: true }, fileSystem);
        if (planned.lastSequence > 0) expect(done).toEqual(planned);
        const kept = [...contents(fileSystem).values()];
        for (const [, content] of before) {
          // Whole, or its two parts.
          const used = content.subarray(0, content.findLastIndex((byte) => byte !== 0) + 1);
          const isKept = kept.some(
            (one) =>
              one.subarray(0, used.length).equals(used) ||
              kept.some((rest) => Buffer.concat([one, rest]).subarray(0, used.length).equals(used)),
          );
          expect(isKept).toBe(true);
        }
        await expectOpens(fileSystem, simples(1, done.lastSequence));
      }
    }
  });

  it("repairs after any file is gone", async () => {
    const made = await makeLog(oneEach(60), [29], "close", 3);
    for (const { name } of made.files) {
      const fileSystem = made.fileSystem.copy();
      fileSystem.delete(pathOf(name));
      const report = await repairLog(directory, { apply: true }, fileSystem);
      expect(report.damaged).toBe(true);
      const log = await openIn(fileSystem);
      expect(await log.latestSequence()).toBe(report.lastSequence);
      await log.close();
    }
  });

  it.each([0, 12])(
    "keeps of a damaged snapshot all that is good, and everything after it; history: %i",
    async (history) => {
      const large = Array.from({ length: 40 }, (_, index) => [
        transaction(index + 1, put(`key ${index}`, "x".repeat(10_000))),
      ]);
      const made = await makeLog([...large, [transaction(41, put("after", "1"))]], [39], "close", history);
      const [snapshot] = made.files as [{ name: string; end: number }];
      const random = createRandom(seed);
      for (let round = 0; round < 10 * rounds; round++) {
        const fileSystem = made.fileSystem.copy();
        flipByte(fileSystem, snapshot.name, round < 10 ? round * 4 : 40 + random.below(snapshot.end - 40));
        const before = Buffer.from(fileSystem.content(pathOf(snapshot.name)));
        const report = await repairLog(directory, { apply: true }, fileSystem);
        expect(report).toMatchObject({ damaged: true, lastSequence: 41 });
        expect(fileSystem.content(pathOf(`${snapshot.name}.corrupt-1`)).equals(before)).toBe(true);
        const log = await openIn(fileSystem);
        const read = await readAll(log);
        await log.close();
        const all = [...large.flat(), transaction(41, put("after", "1"))];
        expect(read).toEqual(
          all.filter(({ sequence }) => read.some((one: Transaction) => one.sequence === sequence)),
        );
        expect(41 - read.length).toBe(report.lostTransactions);
        // A frame holds seven of them.
        expect(read.length).toBeGreaterThanOrEqual(41 - 7);
        expect(read.at(-1)?.sequence).toBe(41);
      }
    },
  );

  it("replaces a snapshot over which a later segment without its header was copied", async () => {
    const { fileSystem } = await makeLog(oneEach(60), [19], "close", 3);
    const [snapshot, , segment] = logFiles(fileSystem) as [string, string, string];
    fileSystem.replace(pathOf(snapshot), fileSystem.content(pathOf(segment)));
    flipByte(fileSystem, snapshot, 3);
    const { lastSequence } = await repairLog(directory, { apply: true }, fileSystem);
    expect(lastSequence).toBe(60);
    await (await openIn(fileSystem)).close();
  });

  it("makes any random damage open again", async () => {
    const random = createRandom(seed);
    const made = await makeLog(oneEach(60), [19], "close", 3);
    for (let round = 0; round < 100; round++) {
      const fileSystem = made.fileSystem.copy();
      for (let count = 1 + random.below(4); count > 0; count--) {
        const names = logFiles(fileSystem);
        const name = random.pick(names);
        const { length } = fileSystem.content(pathOf(name));
        const kind = random.below(4);
        if (kind === 0) fileSystem.delete(pathOf(name));
        else if (kind === 1) cutAt(fileSystem, name, random.below(length + 1), "short");
        else if (kind === 2) fileSystem.replace(pathOf(random.pick(names)), fileSystem.content(pathOf(name)));
        else if (length > 0) flipByte(fileSystem, name, random.below(length));
        if (fileSystem.names().length < 2) break;
      }
      const failed = (error: unknown) => {
        throw new Error(`SEED=${seed} round ${round}`, { cause: error });
      };
      const report = await repairLog(directory, { apply: true }, fileSystem).catch(failed);
      const log = await openIn(fileSystem).catch(failed);
      expect(await log.latestSequence()).toBe(report.lastSequence);
      await readAll(log);
      await log.close();
      expect(fileSystem.openFiles).toBe(0);
    }
  });
});

describe("duetkv log", { timeout }, () => {
  let place: string;
  let lines: string[];
  const run = (...args: string[]) => runLogCommand(args, (line) => lines.push(line));
  beforeEach(async () => {
    place = await mkdtemp(join(tmpdir(), "duetkv-command-"));
    lines = [];
  });
  afterEach(async () => {
    delete process.env["DUETKV_LOG"];
    await rm(place, { recursive: true });
  });

  async function makeRealLog(): Promise<string> {
    const log = await openFileTransactionLogger({ directory: place, segmentBytes: 4096 });
    for (const one of simples(1, 200)) await log.append(one.sequence - 1, [one]);
    await log.close();
    const names = (await readdir(place)).filter((name) => name.endsWith(".log")).toSorted();
    return join(place, names[1] as string);
  }

  it("verifies and repairs, with the right exit codes", async () => {
    const path = await makeRealLog();
    expect(await run("verify", "--log", `file:${place}`)).toBe(0);
    expect(lines.join("\n")).toContain("200 transactions; last sequence 200");
    expect(await run("repair", "--log", `file:${place}`)).toBe(0);

    const content = await readFile(path);
    content[1000] = (content[1000] as number) ^ 1;
    await writeFile(path, content);
    process.env["DUETKV_LOG"] = `file:${place}`;
    expect(await run("verify")).toBe(9);
    expect(lines.at(-1)).toContain(`duetkv log repair --log file:${place}`);
    expect(await run("repair")).toBe(9);
    expect(lines.at(-1)).toContain("--apply");
    expect((await readFile(path)).equals(content)).toBe(true);
    expect(await run("repair", "--apply")).toBe(0);
    expect(await run("verify")).toBe(0);
    const log = await openFileTransactionLogger({ directory: place, segmentBytes: 4096 });
    const read = await readAll(log);
    await log.close();
    expect(read).toEqual(simples(1, read.length));
    expect((await readdir(place)).some((name) => name.includes(".corrupt-"))).toBe(true);
  });

  const misunderstood: readonly (readonly string[])[] = [
    [],
    ["mend"],
    ["verify", "more"],
    ["verify", "--apply"],
    ["verify", "--unknown"],
    ["repair", "--log", "postgres://user:secret@host/db"],
    ["verify", "--log", "./data"],
  ];
  it.each(misunderstood.map((args) => [args]))("does not understand %j", async (args) => {
    expect(await run(...args)).toBe(2);
    expect(lines.join("\n")).toContain("usage:");
    expect(lines.join("\n")).not.toContain("secret");
  });

  it("does not make a directory that is not there", async () => {
    const missing = join(place, "missing");
    expect(await run("verify", "--log", `file:${missing}`)).toBe(1);
    expect(await run("repair", "--apply", "--log", `file:${missing}`)).toBe(1);
    expect(await readdir(place)).toEqual([]);
    await mkdir(missing);
    expect(await run("verify", "--log", `file:${missing}`)).toBe(1);
    expect(await readdir(missing)).toEqual([]);
  });
});
