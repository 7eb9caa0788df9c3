// Makes the one file that the container image runs. fs-native-extensions stays outside: it is a native add-on.
import { build } from "esbuild";

await build({
  entryPoints: ["src/main.ts"],
  outfile: "dist/duetkv.mjs",
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "external",
  external: ["fs-native-extensions", "pg-native"],
  // Some dependencies are CommonJS and call require for what Node brings.
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
});
