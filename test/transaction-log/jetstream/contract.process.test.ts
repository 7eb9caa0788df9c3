import { afterAll, beforeAll, describe } from "vitest";
import { silentSink } from "../../../src/transaction-log/log-sink.ts";
import { openJetStreamTransactionLogger } from "../../../src/transaction-log/remote/jetstream/open.ts";
import { type NatsCluster, startNats } from "../../support/nats.ts";
import { natsBinary } from "../../support/nats-binary.ts";
import { transactionLoggerSuite } from "../transaction-logger-suite.ts";

describe.skipIf(natsBinary() === undefined)("on one NATS server", () => {
  let cluster: NatsCluster;
  let logs = 0;

  beforeAll(async () => {
    cluster = await startNats(1);
  });

  afterAll(async () => {
    await cluster?.stop();
  });

  transactionLoggerSuite({
    name: "JetStream",
    lasts: true,
    async create() {
      const options = { ...cluster.options(`log-${logs++}`), log: silentSink };
      return {
        open: () => openJetStreamTransactionLogger(options),
        async dispose() {
          // Streams go with the server.
        },
      };
    },
  });
});
