import { join } from "node:path";

/** Names the program that tests start as the service; by default it is a bundle of the sources. */
export const programVariable = "SERVER_PROGRAM";

/** Names the folder in which Node keeps what it compiles of the bundle; not set where tests start another program. */
export const programCacheVariable = "SERVER_PROGRAM_CACHE";

/** The path of the program: the sources where no global set-up has made a bundle. */
export function serverProgram(): string {
  return process.env[programVariable] ?? join(import.meta.dirname, "../../src/main.ts");
}
