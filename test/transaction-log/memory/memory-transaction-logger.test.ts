import { MemoryTransactionLogger } from "../../../src/transaction-log/memory/memory-transaction-logger.ts";
import { transactionLoggerSuite } from "../transaction-logger-suite.ts";

transactionLoggerSuite({
  name: "memory",
  lasts: false,
  create: async () => ({
    open: async () => new MemoryTransactionLogger(),
    dispose: async () => {},
  }),
});
