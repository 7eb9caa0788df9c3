import { silentSink } from "../../../src/transaction-log/log-sink.ts";
import {
  openRemoteTransactionLogger,
  type RemoteTransactionLogger,
} from "../../../src/transaction-log/remote/remote-transaction-logger.ts";
import type { MemoryLogEngine } from "../../support/memory-log-engine.ts";

type Options = Partial<Parameters<typeof openRemoteTransactionLogger>[1]> & {
  readonly messageBytesMax?: number;
};

/** Opens a logger without log output, with short waits. */
export function openLogger(
  engine: MemoryLogEngine,
  { messageBytesMax, ...options }: Options = {},
): Promise<RemoteTransactionLogger> {
  return openRemoteTransactionLogger(engine.connect(messageBytesMax), {
    log: silentSink,
    startWaitMs: 10_000,
    heartbeatMs: 50,
    pollMs: 20,
    compactionWaitMs: 2_000,
    ...options,
  });
}
