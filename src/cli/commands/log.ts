import { runLogCommand } from "../../transaction-log/log-command.ts";
import type { Run } from "../invocation.ts";
import type { Output } from "../output.ts";
import { escapeUnprintable } from "../printable.ts";

export const runVerify: Run<"log verify"> = ({ flags, output }) =>
  runLog(output, "verify", flags.log, deployment(flags));

export const runCat: Run<"log cat"> = ({ flags, output }) =>
  runLog(output, "cat", flags.log, deployment(flags));

export const runRepair: Run<"log repair"> = ({ flags, output }) =>
  runLog(output, "repair", flags.log, flags.apply ? ["--apply"] : []);

function deployment(flags: { readonly deployment?: string | undefined }): readonly string[] {
  return flags.deployment === undefined ? [] : [`--deployment=${flags.deployment}`];
}

/** JSON leaves some characters as they are that move the cursor of a terminal, and errors may quote the log. */
function runLog(
  output: Output,
  verb: string,
  location: string | undefined,
  more: readonly string[],
): Promise<number> {
  const log = location === undefined ? [] : [`--log=${location}`];
  return runLogCommand(
    [verb, ...log, ...more],
    (line) => output.line(output.terminal ? escapeUnprintable(line) : line),
    (line) => console.error(escapeUnprintable(line)),
  );
}
