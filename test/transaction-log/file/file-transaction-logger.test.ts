import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { openFileTransactionLogger } from "../../../src/transaction-log/file/file-transaction-logger.ts";
import { transactionLoggerSuite } from "../transaction-logger-suite.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";

transactionLoggerSuite({
  name: "file",
  lasts: true,
  async create() {
    const directory = await mkdtemp(join(tmpdir(), "duetkv-log-"));
    return {
      open: () => openFileTransactionLogger({ directory, segmentBytes: 256 * 1024 }),
      async dispose() {
        const names = await readdir(directory);
        expect(
          names.filter((name) => !/^(lock|durable-sequence|reserve|\d{20}\.(log|snapshot))$/.test(name)),
        ).toEqual([]);
        await rm(directory, { recursive: true });
      },
    };
  },
});

for (const durableWrites of [true, false]) {
  transactionLoggerSuite({
    name: `file in memory, ${durableWrites ? "durable writes" : "writes and syncs"}, tiny segments`,
    lasts: true,
    async create() {
      const fileSystem = new MemoryFileSystem({ durableWrites });
      return {
        open: () => openFileTransactionLogger({ directory: "/data", segmentBytes: 2048, fileSystem }),
        async dispose() {
          expect(fileSystem.openFiles).toBe(0);
          expect(
            fileSystem
              .names()
              .filter((name) => !/^(lock|durable-sequence|reserve|\d{20}\.(log|snapshot))$/.test(name)),
          ).toEqual([]);
        },
      };
    },
  });
}
