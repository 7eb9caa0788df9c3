import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { expect, test } from "vitest";
import type * as errors from "../../clients/typescript/src/errors.ts";

/** A program with all that these modules export, minified. */
async function bundle(...modules: string[]): Promise<string> {
  const contents = modules.map((name) => `export * from "./${name}.ts";`).join("");
  const { outputFiles } = await esbuild.build({
    stdin: { contents, resolveDir: "clients/typescript/src" },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}

/** Bytes that a page loads, compressed. */
async function bundledBytes(...modules: string[]): Promise<number> {
  return gzipSync(await bundle(...modules), { level: 9 }).length;
}

test("the core is at most 8 KB, compressed, and each helper adds 2 KB", async () => {
  const core = await bundledBytes("index");
  expect(core).toBeLessThanOrEqual(8192);
  for (const helper of ["cache", "codec", "lock", "memory", "keyv", "unstorage"])
    expect(await bundledBytes("index", helper)).toBeLessThanOrEqual(core + 2048);
});

test("errors of a minified program have their names", async () => {
  const url = `data:text/javascript,${encodeURIComponent(await bundle("index"))}`;
  const { ConflictError, CodecError, DuetError } = (await import(url)) as typeof errors;
  const details = { code: "aborted", reason: "", message: "", outcome: "nothing", metadata: {} } as const;
  expect(new ConflictError(details).name).toBe("ConflictError");
  expect(new DuetError(details).name).toBe("DuetError");
  expect(new CodecError("k", "").name).toBe("CodecError");
});
