// Builds the packages that programs import: JavaScript and declarations of @duetkv/client, in clients/typescript/dist.
// npm runs it after an installation, so that the package can be imported in this repository as anywhere else.
import { spawnSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as esbuild from "esbuild";
import packageJson from "../clients/typescript/package.json" with { type: "json" };

const root = join(import.meta.dirname, "..");
const client = join(root, "clients/typescript");
const entries = Object.values(packageJson.exports).flatMap((target) =>
  typeof target === "string" ? [] : [target.default.replace("./dist/", "src/").replace(/\.js$/, ".ts")],
);

rmSync(join(client, "dist"), { recursive: true, force: true });
await esbuild.build({
  absWorkingDir: client,
  entryPoints: entries,
  outdir: "dist",
  bundle: true,
  // What several entries have in common is in files of its own, so that there is one class of each error.
  splitting: true,
  packages: "external",
  platform: "neutral",
  target: "es2022",
  format: "esm",
});
const declarations = join(root, "node_modules/.cache/client-declarations");
rmSync(declarations, { recursive: true, force: true });
const emission = "--noEmit false --declaration --emitDeclarationOnly --rewriteRelativeImportExtensions";
// The root is that of the repository: some files import gen/, which no declaration refers to.
const { status } = spawnSync(
  "tsc",
  ["-p", client, ...emission.split(" "), "--rootDir", root, "--outDir", declarations],
  { stdio: "inherit" },
);
cpSync(join(declarations, "clients/typescript/src"), join(client, "dist"), { recursive: true });
process.exitCode = status ?? 1;
