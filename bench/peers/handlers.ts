import { Applier } from "../../src/committer/applier.ts";
import { createClock } from "../../src/committer/background/clock.ts";
import { Committer } from "../../src/committer/committer.ts";
import { ReadBarrier } from "../../src/committer/read-barrier.ts";
import { defaultLimits } from "../../src/limits.ts";
import { createKeyValueService } from "../../src/service/key-value-service.ts";
import { RevisionGate } from "../../src/store/revision-gate.ts";
import { Store } from "../../src/store/store.ts";
import { WatchHub } from "../../src/store/watch/hub.ts";
import { openFileTransactionLogger } from "../../src/transaction-log/file/file-transaction-logger.ts";

/** Duet KV's handlers over a file log, without its wire. */
export async function openHandlers(directory: string) {
  const logger = await openFileTransactionLogger({ directory });
  const store = new Store();
  const hub = new WatchHub(store, defaultLimits, logger.horizon, 15_000);
  const gate = new RevisionGate();
  const applier = new Applier({
    store,
    logger,
    onApplied(transaction, changes) {
      hub.publish(transaction, changes);
      gate.open(transaction.sequence);
    },
    onRun() {},
  });
  const committer = new Committer({ store, logger, limits: defaultLimits, clock: createClock(0), applier });
  const barrier = new ReadBarrier({ store, logger, gate });
  return createKeyValueService({ store, committer, hub, gate, barrier, limits: defaultLimits });
}

export function sayReady(port: number): void {
  console.log(JSON.stringify({ msg: "ready", listen: `127.0.0.1:${port}` }));
}
