import type { TestProject } from "vitest/node";
import { startPostgres } from "./postgres.ts";

declare module "vitest" {
  interface ProvidedContext {
    readonly postgresPort: number;
  }
}

/** Global set-up of the projects that need a database: one server for the whole run. Returns the tear-down. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres({
    max_connections: "400",
    // Each test has a database: a worker of autovacuum would visit them all, again and again.
    autovacuum: "off",
    // Databases end with the run: their log serves no recovery and no standby.
    full_page_writes: "off",
    wal_level: "minimal",
    max_wal_senders: "0",
  });
  project.provide("postgresPort", server.port);
  return () => server.stop();
}
