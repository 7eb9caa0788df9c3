import type { EntryCommandName } from "./command-table.ts";
import { type Loaders, runCommandLine } from "./run.ts";

/** The commands that scripts run most often. */
const loaders: Loaders<EntryCommandName> = {
  get: () => import("./commands/get.ts"),
  put: () => import("./commands/put.ts"),
  del: () => import("./commands/del.ts"),
  ls: () => import("./commands/ls.ts"),
  touch: () => import("./commands/touch.ts"),
};

export function runEntryCommand(args: readonly string[]): Promise<number> {
  return runCommandLine(args, loaders);
}
