import { silentSink } from "../../../src/transaction-log/log-sink.ts";
import { restorePostgresLog } from "../../../src/transaction-log/postgres/restore.ts";
import { sharedPostgres } from "../../support/shared-postgres.ts";
import { openLogger } from "../../transaction-log/postgres/loggers.ts";
import { restoreSuite } from "./restore-suite.ts";

const server = sharedPostgres();

restoreSuite("a log in PostgreSQL", async () => {
  const url = await server.createDatabase();
  return {
    restore: (horizon, transactions) => restorePostgresLog({ url, log: silentSink }, horizon, transactions),
    open: () => openLogger(url),
  };
});
