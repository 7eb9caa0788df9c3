import { expect } from "vitest";
import { silentSink } from "../../../src/transaction-log/log-sink.ts";
import { openRemoteTransactionLogger } from "../../../src/transaction-log/remote/remote-transaction-logger.ts";
import { MemoryLogEngine } from "../../support/memory-log-engine.ts";
import { seed } from "../../support/random.ts";
import { transactionLoggerSuite } from "../transaction-logger-suite.ts";

transactionLoggerSuite({
  name: "RemoteTransactionLogger on an engine in memory",
  lasts: true,
  async create() {
    const engine = new MemoryLogEngine(seed);
    return {
      open: () => openRemoteTransactionLogger(engine.connect(), { log: silentSink, startWaitMs: 0 }),
      async dispose() {
        expect(engine.drivers.size).toBe(0);
        expect(engine.replicas.size).toBe(0);
        expect(engine.pieces.size).toBeLessThanOrEqual(1);
      },
    };
  },
});
