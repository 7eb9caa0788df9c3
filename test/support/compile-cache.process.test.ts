import { spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { compileCacheVariable, keepCompiled } from "./compile-cache.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** A folder that does not exist yet, and no folder that the processes of this test keep anything in. */
async function newFolder(): Promise<string> {
  vi.stubEnv(compileCacheVariable, undefined);
  onTestFinished(() => void vi.unstubAllEnvs());
  return join(await temporaryDirectory(), "compiled");
}

test("processes keep what they compile in the folder, until it has too many files", async () => {
  const folder = await newFolder();
  const runProgram = (name: string) => {
    const path = join(folder, "..", name);
    writeFileSync(path, "");
    expect(spawnSync(process.execPath, [path]).status).toBe(0);
  };
  const countFiles = () => readdirSync(folder, { recursive: true }).length;
  keepCompiled(folder, 3);
  const counts = [];
  for (let run = 0; run < 4; run++) {
    runProgram(`program-${run}.mjs`);
    counts.push(countFiles());
    keepCompiled(folder, 3);
  }
  // One of them is the folder of this release of Node.
  expect(counts).toEqual([2, 3, 4, 2]);
});

test("a folder that the environment names is used instead", async () => {
  const folder = await newFolder();
  vi.stubEnv(compileCacheVariable, "/other");
  keepCompiled(folder, 3);
  expect(process.env[compileCacheVariable]).toBe("/other");
});
