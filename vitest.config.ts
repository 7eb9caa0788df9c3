import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Real disks, databases and processes are slow on a busy machine; a verdict never depends on how slow.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    // CommonJS packages as Node itself imports them.
    deps: { interopDefault: false },
  },
});
