#!/usr/bin/env -S node --no-allocation-site-pretenuring
import { isCommandLine } from "./cli/global-flags.ts";

// Loads either the service or one command: a command must not wait for what only the service needs, nor the reverse.
const args = process.argv.slice(2);
const exitCode = isCommandLine(args)
  ? await (await import("./cli/run.ts")).runCommandLine(args)
  : await (await import("./serve.ts")).runService(args);
// Exits rather than ends: what a failed start has opened, and a log that nobody reads, would keep the process alive.
process.exit(exitCode);
