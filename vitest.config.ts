import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";

/** The end of a test file's name names its project; a file without one is a unit test. */
const suffixes = ["process", "postgres", "long"] as const;

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
      globalSetup: usesDatabase ? ["test/support/postgres-server.ts"] : [],
    },
  };
}

export default defineConfig({
  test: {
    // Real disks, databases and processes are slow on a busy machine; a verdict never depends on how slow.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 100_000 } },
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
