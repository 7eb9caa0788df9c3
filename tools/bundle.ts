// Builds a package for npm and for the container image in dist/, or in the given directory: JavaScript with all
// dependencies, the native add-on for every supported platform, a list of what is in it, and a package.json. The sources
// cannot be published, because Node does not strip types below node_modules.
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import * as esbuild from "esbuild";
import packageJson from "../package.json" with { type: "json" };
import { buildConsole } from "./build-console.ts";
import { createSbom } from "./sbom.ts";

const root = join(import.meta.dirname, "..");
const target = process.argv[2] ?? join(root, "dist");
const platforms = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"];

/**
 * The native add-on is normally loaded from its package. The bundle loads it from the folder `native` beside the
 * bundle.
 */
const nativeAddon: esbuild.Plugin = {
  name: "native-addon",
  setup(build) {
    const contents = `
      const file = "./native/" + process.platform + "-" + process.arch + ".node";
      module.exports = require(file);`;
    build.onLoad({ filter: /[\\/]fs-native-extensions[\\/]binding\.js$/ }, () => ({ contents }));
  },
};

/** The console is in the folder `console` beside the bundle. */
const consoleFolder: esbuild.Plugin = {
  name: "console-folder",
  setup(build) {
    const contents = 'export const consoleDirectory = new URL("./console/", import.meta.url);';
    build.onLoad({ filter: /[\\/]console-directory\.ts$/ }, () => ({ contents }));
  },
};

/** main.ts loads these modules on demand. They are separate files, so that a command does not load the server. */
const parts: Readonly<Record<string, string>> = {
  "./serve.ts": "service.mjs",
  "./cli/entry-commands.ts": "entry-commands.mjs",
  "./cli/client-commands.ts": "client-commands.mjs",
  "./cli/local-commands.ts": "local-commands.mjs",
  "./cli/completion/complete.ts": "completion.mjs",
};
const separateParts: esbuild.Plugin = {
  name: "separate-parts",
  setup(build) {
    build.onResolve({ filter: /^\.\// }, ({ path }) =>
      Object.hasOwn(parts, path) ? { path: `./${parts[path]}`, external: true } : undefined,
    );
  },
};

/**
 * Loads Node's modules where they are used. As imports, all of them would be loaded at the start, and node:http would load
 * all of fetch, since an import reads everything that a module exports.
 */
const lazyNodeModules: esbuild.Plugin = {
  name: "lazy-node-modules",
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: "node-module" }));
    build.onLoad({ filter: /.*/, namespace: "node-module" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

mkdirSync(target, { recursive: true });
const bundles = [await bundle("main.ts", "duetkv.mjs", [separateParts])];
for (const [path, file] of Object.entries(parts)) {
  // Of the server, what is imported on demand is a file of its own, such as the client of NATS.
  const plugins = [nativeAddon, consoleFolder, lazyNodeModules];
  bundles.push(await bundle(path, file, plugins, path === "./serve.ts"));
}
bundles.push(await buildConsole(join(target, "console")));
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
writeFileSync(join(target, "sbom.cdx.json"), `${JSON.stringify(createSbom(bundles), null, 2)}\n`);
writeFileSync(join(target, "package.json"), `${JSON.stringify(manifest(), null, 2)}\n`);

async function bundle(
  entry: string,
  file: string,
  plugins: esbuild.Plugin[],
  splitting = false,
): Promise<esbuild.Metafile> {
  const { metafile } = await esbuild.build({
    metafile: true,
    entryPoints: [join(root, "src", entry)],
    outdir: target,
    entryNames: basename(file, ".mjs"),
    splitting,
    chunkNames: "[name]-[hash]",
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "external",
    external: ["pg-native"],
    plugins,
    banner: {
      // Some dependencies are CommonJS and call require for Node's modules.
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
  });
  return metafile;
}

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
    files: ["*.mjs", "native", "console", "sbom.cdx.json"],
  };
}
