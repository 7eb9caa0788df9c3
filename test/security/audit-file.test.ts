import { readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AuditFile } from "../../src/security/audit-file.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

async function openFile(path: string) {
  const errors: string[] = [];
  const file = await AuditFile.open(path, ({ message }) => void errors.push(message));
  return { file, errors, lines: async () => (await readFile(path, "utf8")).split("\n").slice(0, -1) };
}

test("lines are appended in order to a file of the owner alone", async () => {
  const path = join(await temporaryDirectory(), "audit.json");
  for (const round of [0, 1]) {
    const { file, errors, lines } = await openFile(path);
    for (let line = 0; line < 1000; line++) file.write(`${line}\n`);
    await file.close();
    expect(await lines()).toHaveLength(1000 * (round + 1));
    expect(errors).toEqual([]);
  }
  const written = (await readFile(path, "utf8")).split("\n").slice(0, -1);
  const numbers = Array.from({ length: 1000 }, (_, line) => String(line));
  expect(written).toEqual([...numbers, ...numbers]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test("lines that a full disk does not take are written once it does, and those over 16 MiB are counted", async () => {
  const path = join(await temporaryDirectory(), "audit.json");
  await symlink("/dev/full", path);
  const { file, errors, lines } = await openFile(path);
  const line = (digit: number) => `${String.fromCodePoint(97 + digit).repeat(1024 * 1024 - 1)}\n`;
  for (let digit = 0; digit < 20; digit++) file.write(line(digit));
  expect(file.dropped).toBe(4);
  await until(() => errors.length === 2);
  expect(errors).toEqual(["16777216 bytes wait; lines are dropped", expect.stringContaining("ENOSPC")]);
  await rm(path);
  await until(async () => (await stat(path)).size === 16 * 1024 * 1024);
  file.write("later\n");
  await file.close();
  expect((await lines()).map((text) => text[0]).join("")).toBe("abcdefghijklmnopl");
  expect([errors.length, file.dropped]).toEqual([2, 4]);
});

test("closing does not wait for a full disk", async () => {
  const path = join(await temporaryDirectory(), "audit.json");
  await symlink("/dev/full", path);
  const { file, errors } = await openFile(path);
  file.write("a line\n");
  await file.close();
  expect(errors).toEqual([expect.stringContaining("ENOSPC"), "the last 7 bytes are lost"]);
});

test("a file that was renamed is made again", async () => {
  const path = join(await temporaryDirectory(), "audit.json");
  const { file, errors, lines } = await openFile(path);
  file.write("before\n");
  await until(async () => (await lines()).length === 1);
  await rename(path, `${path}.1`);
  file.reopen();
  file.write("after\n");
  await file.close();
  expect(await lines()).toEqual(["after"]);
  expect(await readFile(`${path}.1`, "utf8")).toBe("before\n");
  expect(errors).toEqual([]);
});
