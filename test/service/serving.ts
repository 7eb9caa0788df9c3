import {
  type Client,
  ConnectError,
  createClient,
  createRouterTransport,
  type ServiceImpl,
} from "@connectrpc/connect";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { Applier } from "../../src/committer/applier.ts";
import { Committer } from "../../src/committer/committer.ts";
import { ReadBarrier } from "../../src/committer/read-barrier.ts";
import { defaultLimits, type Limits } from "../../src/limits.ts";
import { intercept } from "../../src/service/intercept.ts";
import { createKeyValueService } from "../../src/service/key-value-service.ts";
import { RevisionGate } from "../../src/store/revision-gate.ts";
import { Store } from "../../src/store/store.ts";
import { WatchHub } from "../../src/store/watch/hub.ts";
import { MemoryTransactionLogger } from "../../src/transaction-log/memory/memory-transaction-logger.ts";

export interface Serving {
  readonly client: Client<typeof KeyValueService>;
  readonly store: Store;
  readonly hub: WatchHub;
  readonly gate: RevisionGate;
  readonly service: ServiceImpl<typeof KeyValueService>;
  /** Method and code of every call that has ended. */
  readonly calls: string[];
}

/** The service as clients see it, without a wire. */
export function startServing(some: Partial<Limits> = {}): Serving {
  const limits = { ...defaultLimits, ...some };
  const store = new Store();
  const hub = new WatchHub(store, limits, 0, 3_600_000);
  const gate = new RevisionGate();
  const logger = new MemoryTransactionLogger();
  const applier = new Applier({
    store,
    logger,
    onApplied(transaction, changes) {
      hub.publish(transaction, changes);
      gate.open(transaction.sequence);
    },
    onRun: () => {},
  });
  const committer = new Committer({ store, logger, limits, clock: Date.now, applier });
  const barrier = new ReadBarrier({ store, logger, gate });
  const calls: string[] = [];
  const service = intercept(
    KeyValueService,
    createKeyValueService({ store, committer, hub, gate, barrier, limits }),
    (method) => (_milliseconds, code) => void calls.push(`${method} ${code ?? "OK"}`),
  );
  const transport = createRouterTransport(({ service: route }) => route(KeyValueService, service));
  return { client: createClient(KeyValueService, transport), store, hub, gate, service, calls };
}

/** "OK", or the reason of the failure. */
export function reasonOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "OK",
    (error: unknown) => ConnectError.from(error).findDetails(ErrorInfoSchema)[0]?.reason ?? String(error),
  );
}
