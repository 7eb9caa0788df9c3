#!/usr/bin/env -S node --no-allocation-site-pretenuring
import { type ProgramPart, programPartOf, spellHelp } from "./cli/program-part.ts";

/** Each part is loaded alone, so that a command does not wait for the modules of the server. */
const runners: { readonly [Part in ProgramPart]: (args: readonly string[]) => Promise<number> } = {
  server: async (args) => (await import("./serve.ts")).runService(args),
  entry: async (args) => (await import("./cli/entry-commands.ts")).runEntryCommand(args),
  client: async (args) => (await import("./cli/client-commands.ts")).runClientCommand(args),
  local: async (args) => (await import("./cli/local-commands.ts")).runLocalCommand(args),
  completion: async (args) => (await import("./cli/completion/complete.ts")).runComplete(args.slice(1)),
};

const args = spellHelp(process.argv.slice(2));
const exitCode = await runners[programPartOf(args)](args);
// Exit explicitly: handles of a failed start, or a log that is not read, would keep the process alive.
process.exit(exitCode);
