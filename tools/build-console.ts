// Builds the web console: one script, one style sheet, both with a hash in their names, and the page that loads them. npm
// runs it after an installation, and tools/bundle.ts for a package.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import * as esbuild from "esbuild";

const root = join(import.meta.dirname, "..");

/** Builds the console in the directory, which it empties first. Resolves with what it is made of. */
export async function buildConsole(target: string): Promise<esbuild.Metafile> {
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const { metafile } = await esbuild.build({
    absWorkingDir: join(root, "console"),
    entryPoints: ["src/main.tsx", "src/style.css"],
    entryNames: "[name]-[hash]",
    outdir: target,
    bundle: true,
    minify: true,
    platform: "browser",
    target: ["chrome120", "firefox120", "safari17"],
    format: "esm",
    jsx: "automatic",
    jsxImportSource: "preact",
    // The sources of the client, which need not be built first.
    alias: { "@duetkv/client": join(root, "clients/typescript/src/index.ts") },
    metafile: true,
  });
  const names = Object.keys(metafile.outputs).map((path) => basename(path));
  const page = readFileSync(join(root, "console/index.html"), "utf8").replace(
    /"(main|style)\.(js|css)"/g,
    (_, name, type) => `"${names.find((each) => each.startsWith(`${name}-`) && each.endsWith(`.${type}`))}"`,
  );
  writeFileSync(join(target, "index.html"), page);
  return metafile;
}

if (import.meta.main) await buildConsole(join(root, "console/dist"));
