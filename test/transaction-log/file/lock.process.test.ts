import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openFileTransactionLogger } from "../../../src/transaction-log/file/file-transaction-logger.ts";
import { repairLog } from "../../../src/transaction-log/file/repair/repair.ts";
import { verifyLog } from "../../../src/transaction-log/file/repair/verify.ts";
import { put, readAll, retaining, simple, simples, transaction } from "../log-model.ts";

/** Far longer than it takes, so that a slow machine does not decide. */
const timeout = 120_000;

const segmentBytes = 64 * 1024;
const module = new URL("../../../src/transaction-log/file/file-transaction-logger.ts", import.meta.url).href;

/** Opens the log in the directory that it is given, appends one transaction, says so, and stays. */
const holder = `
  const { openFileTransactionLogger } = await import(${JSON.stringify(module)});
  const log = await openFileTransactionLogger({ directory: process.argv[1], segmentBytes: ${segmentBytes} });
  await log.append(await log.latestSequence(), [${JSON.stringify(simple(1))}]);
  process.stdout.write("holding");
  setInterval(() => {}, 1000);
`;

describe("the lock of a data directory", { timeout }, () => {
  let directory: string;
  let child: ChildProcess | undefined;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "duetkv-lock-"));
  });
  afterEach(async () => {
    if (child?.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    child = undefined;
    await rm(directory, { recursive: true });
  });

  it("excludes a second process, names the holder, and is released when its process ends", async () => {
    child = spawn(process.execPath, ["--input-type=module", "--eval", holder, directory], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [said] = (await once(child.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
    expect(said.toString()).toBe("holding");
    const refused = {
      reason: "LOG_LOCKED",
      message: expect.stringContaining(`process ${child.pid}`),
      metadata: { pid: String(child.pid) },
    };
    await expect(openFileTransactionLogger({ directory, segmentBytes })).rejects.toMatchObject(refused);
    await expect(verifyLog(directory)).rejects.toMatchObject(refused);
    await expect(repairLog(directory, { apply: false })).rejects.toMatchObject(refused);
    await expect(repairLog(directory, { apply: true })).rejects.toMatchObject(refused);

    child.kill("SIGKILL");
    await once(child, "exit");
    const log = await openFileTransactionLogger({ directory, segmentBytes });
    expect(await readAll(log)).toEqual([simple(1)]);
    await log.append(1, [simple(2)]);
    await log.close();
  });

  it("keeps a second process out also when the lock file was removed", async () => {
    child = spawn(process.execPath, ["--input-type=module", "--eval", holder, directory], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout as NodeJS.ReadableStream, "data");
    for (let attempt = 0; attempt < 2; attempt++) {
      await rm(join(directory, "lock"), { force: true });
      const refused = { reason: "LOG_LOCKED", message: expect.stringContaining("lock file was removed") };
      await expect(verifyLog(directory)).rejects.toMatchObject(refused);
      await expect(openFileTransactionLogger({ directory, segmentBytes })).rejects.toMatchObject(refused);
      await expect(repairLog(directory, { apply: true })).rejects.toMatchObject(refused);
    }
    child.kill("SIGKILL");
    await once(child, "exit");
    const log = await openFileTransactionLogger({ directory, segmentBytes });
    expect(await readAll(log)).toEqual([simple(1)]);
    await log.close();
  });

  const losses: readonly (readonly [string, (path: string) => Promise<void>])[] = [
    ["removed", (path) => rm(path)],
    [
      "replaced",
      async (path) => {
        await rm(path);
        await writeFile(path, "");
      },
    ],
  ];
  it.each(losses)("refuses an append to a new segment after the lock file was %s", async (_how, lose) => {
    const log = await openFileTransactionLogger({ directory, segmentBytes, watchDelayMs: 600_000 });
    await log.append(0, [simple(1)]);
    await lose(join(directory, "lock"));
    const large = transaction(2, put("large", "x".repeat(segmentBytes)));
    const refused = { reason: "LOG_UNAVAILABLE", message: expect.stringMatching(/lock file .* restarted/) };
    await expect(log.append(1, [large])).rejects.toMatchObject(refused);
    expect(log.fault).toMatchObject(refused);
    // Neither smaller appends nor compactions go on, and time does not heal it.
    await expect(log.append(1, [simple(2)])).rejects.toMatchObject(refused);
    await expect(log.compact(retaining(1, simples(1, 1)))).rejects.toMatchObject(refused);
    expect(await readAll(log)).toEqual([simple(1)]);
    await log.close();
    const reopened = await openFileTransactionLogger({ directory, segmentBytes });
    expect(await readAll(reopened)).toEqual([simple(1)]);
    await reopened.append(1, [large]);
    await reopened.close();
  });

  it.each(losses)("notices after a while that the lock file was %s", async (_how, lose) => {
    const log = await openFileTransactionLogger({ directory, segmentBytes, watchDelayMs: 1 });
    await lose(join(directory, "lock"));
    await log.append(0, [simple(1)]);
    while (log.fault === undefined) await pause(1);
    expect(log.fault.message).toContain("lock file");
    await expect(log.append(1, [simple(2)])).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
    await log.close();
  });

  it("keeps a second logger of the same process out", async () => {
    const log = await openFileTransactionLogger({ directory, segmentBytes });
    await expect(openFileTransactionLogger({ directory, segmentBytes })).rejects.toMatchObject({
      reason: "LOG_LOCKED",
      message: expect.stringContaining("another process, or this one"),
    });
    await log.append(0, simples(1, 2));
    await log.close();
    const reopened = await openFileTransactionLogger({ directory, segmentBytes });
    expect(await readAll(reopened)).toEqual(simples(1, 2));
    await reopened.close();
  });
});
