import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { expect, test } from "vitest";

/** Bytes that a page loads, compressed. */
async function bundledBytes(entry: string): Promise<number> {
  const { outputFiles } = await esbuild.build({
    entryPoints: [`clients/typescript/src/${entry}.ts`],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
  });
  return gzipSync(outputFiles[0]?.contents ?? "", { level: 9 }).length;
}

test("the core is at most 8 KB, compressed, and each helper 2 KB more", async () => {
  const core = await bundledBytes("index");
  expect(core).toBeLessThanOrEqual(8192);
  for (const helper of ["cache", "codec", "lock", "keyv", "unstorage"])
    expect(await bundledBytes(helper)).toBeLessThanOrEqual(2048);
  // It has the core in it.
  expect(await bundledBytes("memory")).toBeLessThanOrEqual(core + 2048);
});
