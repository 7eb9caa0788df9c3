import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type FileWatch, watchFiles } from "../../src/config/file-watch.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

const pollMs = 5;
let watch: FileWatch | undefined;
afterEach(() => watch?.close());

async function start(...paths: string[]): Promise<{ changes: number }> {
  const seen = { changes: 0 };
  watch = await watchFiles({ paths, pollMs, onChange: () => seen.changes++ });
  return seen;
}

test("reports a file that is overwritten, replaced, removed and made again", async () => {
  const path = join(await temporaryDirectory(), "file");
  await writeFile(path, "one");
  const seen = await start(path);
  const steps = [
    () => writeFile(path, "two"),
    // Of the same length, and as editors save: a new file under the old name.
    () => writeFile(`${path}.new`, "two").then(() => rename(`${path}.new`, path)),
    () => rm(path),
    () => writeFile(path, "two"),
  ];
  for (const step of steps) {
    const before = seen.changes;
    await step();
    await until(() => seen.changes > before);
  }
});

test("reports a swap of the link to a directory, as Kubernetes makes it", async () => {
  const directory = await temporaryDirectory();
  for (const version of ["1", "2"]) {
    await mkdir(join(directory, version));
    await writeFile(join(directory, version, "policy.json"), version);
  }
  await symlink("1", join(directory, "..data"));
  await symlink("..data/policy.json", join(directory, "policy.json"));
  const seen = await start(join(directory, "policy.json"));
  await symlink("2", join(directory, "..new"));
  await rename(join(directory, "..new"), join(directory, "..data"));
  await until(() => seen.changes > 0);
  expect(seen.changes).toBe(1);
});

test("reports nothing after it is closed", async () => {
  const path = join(await temporaryDirectory(), "file");
  const closed = await start(path);
  watch?.close();
  const open = await start(path);
  await writeFile(path, "new");
  await until(() => open.changes > 0);
  expect(closed.changes).toBe(0);
});
