import { join } from "node:path";

/** Names the program that tests start as the service; by default it is a bundle of the sources. */
export const programVariable = "SERVER_PROGRAM";

/** The path of the program: the sources where no global set-up has made a bundle. */
export function serverProgram(): string {
  return process.env[programVariable] ?? join(import.meta.dirname, "../../src/main.ts");
}
