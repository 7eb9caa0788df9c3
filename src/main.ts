#!/usr/bin/env -S node --no-allocation-site-pretenuring
import { isCommandLine } from "./cli/global-flags.ts";

// Loads either the service, a client command or its completion, so that none waits for the modules of the others.
const args = process.argv.slice(2);
const exitCode =
  args[0] === "complete"
    ? await (await import("./cli/completion/complete.ts")).runComplete(args.slice(1))
    : isCommandLine(args)
      ? await (await import("./cli/run.ts")).runCommandLine(args)
      : await (await import("./serve.ts")).runService(args);
// Exit explicitly: handles of a failed start, or a log that is not read, would keep the process alive.
process.exit(exitCode);
