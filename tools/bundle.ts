// Makes what the container image runs: one file of JavaScript, and beside it the native add-on for this platform.
import { join } from "node:path";
import * as esbuild from "esbuild";

/** The add-on is looked for in a package at run time; where there are no packages it must be asked for by its path. */
const nativeAddon: esbuild.Plugin = {
  name: "native-addon",
  setup(build) {
    build.onLoad({ filter: /[\\/]fs-native-extensions[\\/]binding\.js$/ }, ({ path }) => {
      const file = `./prebuilds/${process.platform}-${process.arch}/fs-native-extensions.node`;
      return {
        contents: `module.exports = require(${JSON.stringify(file)});`,
        resolveDir: join(path, ".."),
      };
    });
  },
};

await esbuild.build({
  entryPoints: ["src/main.ts"],
  outfile: "dist/duetkv.mjs",
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "external",
  external: ["pg-native"],
  plugins: [nativeAddon],
  loader: { ".node": "copy" },
  assetNames: "[name]",
  // Some dependencies are CommonJS and call require for what Node brings.
  banner: {
    js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
  },
});
