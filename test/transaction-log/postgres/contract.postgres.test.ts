import { sharedPostgres } from "../../support/shared-postgres.ts";
import { transactionLoggerSuite } from "../transaction-logger-suite.ts";
import { expectNothingOpen, openLogger } from "./loggers.ts";

const server = sharedPostgres();

transactionLoggerSuite({
  name: "PostgresTransactionLogger",
  lasts: true,
  async create() {
    const url = await server.createDatabase();
    return {
      open: () => openLogger(url),
      dispose: () => expectNothingOpen(server, url),
    };
  },
});
