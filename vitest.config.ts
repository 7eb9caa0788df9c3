import { availableParallelism } from "node:os";
import { join } from "node:path";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { keepCompiled } from "./test/support/compile-cache.ts";
import { LongestFirst } from "./test/support/longest-first.ts";

/** The end of a test file's name names its project; a file without one is a unit test. */
const suffixes = ["heap", "proof", "process", "postgres", "long"] as const;

/** Slow proofs do this many times their work. */
const rounds = Number(process.env["ROUNDS"] ?? 1);

// About ten runs of all tests.
keepCompiled(join(import.meta.dirname, "node_modules/.cache/compiled"), 10_000);

function project(
  name: string,
  include = `test/**/*.${name}.test.ts`,
  exclude: readonly string[] = [],
): TestProjectInlineConfiguration {
  const startsService = name === "process" || name === "postgres" || name === "long";
  const usesDatabase = name === "postgres" || name === "long";
  return {
    extends: true,
    test: {
      name,
      include: [include],
      exclude: [...exclude],
      // Test files leave nothing behind and share processes, which saves a third of the time. What measures the heap
      // has a process of its own: others would fill it with garbage, and each collection would take longer.
      isolate: name === "heap",
      ...(name.startsWith("long") && { testTimeout: 600_000 * rounds }),
      ...(name === "long-proof" && { env: { ROUNDS: String(8 * rounds) } }),
      ...(startsService && { setupFiles: ["test/support/program-cache.ts"] }),
      globalSetup: [
        ...(startsService ? ["test/support/bundled-program.ts"] : []),
        ...(usesDatabase ? ["test/support/postgres-server.ts"] : []),
      ],
    },
  };
}

export default defineConfig({
  test: {
    // Real disks, databases and processes are slow on a busy machine; a verdict never depends on how slow.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 250_000 } },
    pool: "forks",
    // Tests of processes and databases wait more than they compute.
    maxWorkers: 3 * availableParallelism(),
    sequence: { sequencer: LongestFirst },
    // Node imports the sources itself, as it does in production. Vite would turn each use of an import into the call of a
    // getter, which slows tests that compute.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    projects: [
      project(
        "unit",
        "test/**/*.test.ts",
        suffixes.map((suffix) => `test/**/*.${suffix}.test.ts`),
      ),
      ...suffixes.map((suffix) => project(suffix)),
      // `proof` does an eighth of the work of each proof, this all of it.
      project("long-proof", "test/**/*.proof.test.ts"),
    ],
  },
});
