#!/usr/bin/env -S node --no-allocation-site-pretenuring
// Loads either the service or one command: a command must not wait for what only the service needs, nor the reverse.
const args = process.argv.slice(2);
const exitCode =
  args[0] === "log"
    ? await (await import("./transaction-log/file/repair/log-command.ts")).runLogCommand(
        args.slice(1),
        console.log,
        console.error,
      )
    : await (await import("./serve.ts")).runService(args);
// Exits rather than ends: what a failed start has opened, and a log that nobody reads, would keep the process alive.
process.exit(exitCode);
