import { readdir } from "node:fs/promises";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, expect, test, vi } from "vitest";
import { openImportSource } from "../../../src/cli/import/import-source.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

test("a copy of stdin, which can be read twice, has no name that an interrupt would leave", async () => {
  const directory = await temporaryDirectory();
  vi.stubEnv("TMPDIR", directory);
  const named: string[] = [];
  async function* input() {
    yield Buffer.from("one ");
    named.push(...(await readdir(directory)));
    yield Buffer.from("two");
  }
  vi.spyOn(process, "stdin", "get").mockReturnValue(Readable.from(input()) as typeof process.stdin);
  await using source = await openImportSource("-", true);
  expect(await text(source.open())).toBe("one two");
  expect(await text(source.open())).toBe("one two");
  expect([...named, ...(await readdir(directory))]).toEqual([]);
});
