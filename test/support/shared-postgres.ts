import { inject } from "vitest";
import { type RunningPostgres, runningPostgres } from "./postgres.ts";

/**
 * The server that all tests of the run share, from global set-up. A test uses databases of its own on it; a test that
 * kills or configures a server starts one.
 */
export function sharedPostgres(): RunningPostgres {
  return runningPostgres(inject("postgresPort"));
}
