import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";

/** The end of a test file's name names its project; a file without one is a unit test. */
const suffixes = ["process", "postgres", "long"] as const;

/** Slow proofs do this many times their work. */
const rounds = Number(process.env["ROUNDS"] ?? 1);

function project(
  name: string,
  include: string,
  exclude: readonly string[] = [],
): TestProjectInlineConfiguration {
  const usesDatabase = name === "postgres" || name === "long";
  return {
    extends: true,
    test: {
      name,
      include: [include],
      exclude: [...exclude],
      ...(name === "long" && { testTimeout: 600_000 * rounds }),
      // Unit tests leave nothing behind, so that files share a process: that saves a third of the time.
      isolate: name !== "unit",
      globalSetup: usesDatabase ? ["test/support/postgres-server.ts"] : [],
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
    // CommonJS packages as Node itself imports them.
    deps: { interopDefault: false },
    projects: [
      project(
        "unit",
        "test/**/*.test.ts",
        suffixes.map((suffix) => `test/**/*.${suffix}.test.ts`),
      ),
      ...suffixes.map((suffix) => project(suffix, `test/**/*.${suffix}.test.ts`)),
    ],
  },
});
