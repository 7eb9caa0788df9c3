import type { LocalCommandName } from "./command-table.ts";
import { type Loaders, runCommandLine } from "./run.ts";

/** The commands that read logs, snapshots and policies themselves, with modules of the server. */
const loaders: Loaders<LocalCommandName> = {
  "snapshot save": () => import("./commands/snapshot-save.ts"),
  "snapshot verify": () => import("./commands/snapshot-verify.ts"),
  "snapshot restore": () => import("./commands/snapshot-restore.ts"),
  "token new": () => import("./commands/token-new.ts"),
  "token hash": () => import("./commands/token-hash.ts"),
  "policy check": () => import("./commands/policy-check.ts"),
  "policy explain": () => import("./commands/policy-explain.ts"),
  "log verify": async () => ({ run: (await import("./commands/log.ts")).runVerify }),
  "log repair": async () => ({ run: (await import("./commands/log.ts")).runRepair }),
  "log cat": async () => ({ run: (await import("./commands/log.ts")).runCat }),
};

export function runLocalCommand(args: readonly string[]): Promise<number> {
  return runCommandLine(args, loaders);
}
