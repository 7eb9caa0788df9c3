import type { CommandName, EntryCommandName, LocalCommandName } from "./command-table.ts";
import { type Loaders, runCommandLine } from "./run.ts";

/** The other commands that need no more than a connection to a server. */
const loaders: Loaders<Exclude<CommandName, EntryCommandName | LocalCommandName>> = {
  watch: () => import("./commands/watch.ts"),
  commit: () => import("./commands/commit.ts"),
  edit: () => import("./commands/edit.ts"),
  history: () => import("./commands/history.ts"),
  diff: () => import("./commands/diff.ts"),
  revert: () => import("./commands/revert.ts"),
  export: () => import("./commands/export.ts"),
  import: () => import("./commands/import.ts"),
  lock: () => import("./commands/lock.ts"),
  elect: () => import("./commands/elect.ts"),
  observe: () => import("./commands/observe.ts"),
  status: () => import("./commands/status.ts"),
  whoami: () => import("./commands/whoami.ts"),
  health: () => import("./commands/health.ts"),
  bench: () => import("./commands/bench.ts"),
  "context add": async () => ({ run: (await import("./commands/context.ts")).runAdd }),
  "context use": async () => ({ run: (await import("./commands/context.ts")).runUse }),
  "context ls": async () => ({ run: (await import("./commands/context.ts")).runLs }),
  completion: () => import("./commands/completion.ts"),
};

export function runClientCommand(args: readonly string[]): Promise<number> {
  return runCommandLine(args, loaders);
}
