import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { buildConsole } from "../../tools/build-console.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

test("the console is at most 60 KB compressed, and its files have a hash in their names", async () => {
  const directory = await temporaryDirectory();
  await buildConsole(directory);
  const names = (await readdir(directory)).toSorted();
  expect(names).toEqual([
    "index.html",
    expect.stringMatching(/^main-[A-Z0-9]{8}\.js$/),
    expect.stringMatching(/^style-[A-Z0-9]{8}\.css$/),
  ]);
  const contents = await Promise.all(names.map((name) => readFile(join(directory, name))));
  const bytes = contents.reduce((sum, content) => sum + gzipSync(content).length, 0);
  expect(bytes).toBeLessThanOrEqual(60_000);
  const [page] = contents as [Buffer];
  for (const name of names.slice(1)) expect(page.toString()).toContain(`"${name}"`);
});
