import { afterAll, beforeAll } from "vitest";
import { type PostgresServer, startPostgres } from "../../support/postgres.ts";
import { transactionLoggerSuite } from "../transaction-logger-suite.ts";
import { expectNothingOpen, openLogger } from "./loggers.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

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
