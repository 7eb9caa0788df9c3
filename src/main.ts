#!/usr/bin/env -S node --no-allocation-site-pretenuring
import { isCommandLine } from "./cli/global-flags.ts";

// Loads either the service or a client command, so that neither waits for the modules of the other.
const args = process.argv.slice(2);
const exitCode = isCommandLine(args)
  ? await (await import("./cli/run.ts")).runCommandLine(args)
  : await (await import("./serve.ts")).runService(args);
// Exit explicitly: handles of a failed start, or a log that is not read, would keep the process alive.
process.exit(exitCode);
