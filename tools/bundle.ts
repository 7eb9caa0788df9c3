// Makes dist/, or the directory that is named, a package that npm can publish and the container image runs: JavaScript
// with all dependencies, the native add-on for every platform that the service runs on, and a package.json of its own.
// What main.ts imports when it is needed, the service and each command, is a file in chunks/. Node strips no types below
// node_modules, so the sources themselves cannot be published.
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as esbuild from "esbuild";
import packageJson from "../package.json" with { type: "json" };

const root = join(import.meta.dirname, "..");
const target = process.argv[2] ?? join(root, "dist");
const platforms = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"];

/** At run time the add-on is looked for in its package; a bundle has none, and loads it from native/. */
const nativeAddon: esbuild.Plugin = {
  name: "native-addon",
  setup(build) {
    const contents = `
      const file = "../native/" + process.platform + "-" + process.arch + ".node";
      module.exports = require(file);`;
    build.onLoad({ filter: /[\\/]fs-native-extensions[\\/]binding\.js$/ }, () => ({ contents }));
  },
};

mkdirSync(target, { recursive: true });
// Their names hold hashes: those of an earlier build would stay.
rmSync(join(target, "chunks"), { recursive: true, force: true });
await esbuild.build({
  absWorkingDir: root,
  entryPoints: { duetkv: "src/main.ts" },
  outdir: target,
  outExtension: { ".js": ".mjs" },
  chunkNames: "chunks/[name]-[hash]",
  bundle: true,
  splitting: true,
  platform: "node",
  target: "node24",
  format: "esm",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "external",
  external: ["pg-native"],
  plugins: [nativeAddon],
  banner: {
    // Some dependencies are CommonJS and call require for what Node brings.
    js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
  },
});
const native = join(target, "native");
rmSync(native, { recursive: true, force: true });
for (const platform of platforms) {
  const addon = join(
    root,
    "node_modules/fs-native-extensions/prebuilds",
    platform,
    "fs-native-extensions.node",
  );
  cpSync(addon, join(native, `${platform}.node`));
}
for (const file of ["LICENSE", "README.md"]) cpSync(join(root, file), join(target, file));
writeFileSync(join(target, "package.json"), `${JSON.stringify(manifest(), null, 2)}\n`);

function manifest(): object {
  const { name, version, description, license, type, engines, repository, homepage, bugs, keywords } =
    packageJson;
  return {
    name,
    version,
    description,
    license,
    type,
    keywords,
    repository,
    homepage,
    bugs,
    engines,
    os: ["linux", "darwin"],
    bin: { duetkv: "duetkv.mjs" },
    exports: { "./package.json": "./package.json" },
    files: ["duetkv.mjs", "chunks", "native"],
  };
}
