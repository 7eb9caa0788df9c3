import type { TestProject } from "vitest/node";
import { startPostgres } from "./postgres.ts";

declare module "vitest" {
  interface ProvidedContext {
    readonly postgresPort: number;
  }
}

/** Global set-up of the projects that need a database: one server for the whole run. Returns the tear-down. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres({ max_connections: "400" });
  project.provide("postgresPort", server.port);
  return () => server.stop();
}
