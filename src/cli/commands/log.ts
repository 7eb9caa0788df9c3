import { runLogCommand } from "../../transaction-log/log-command.ts";
import type { Run } from "../invocation.ts";

export const runVerify: Run<"log verify"> = ({ flags }) => runLog("verify", flags.log, deployment(flags));

export const runCat: Run<"log cat"> = ({ flags }) => runLog("cat", flags.log, deployment(flags));

export const runRepair: Run<"log repair"> = ({ flags }) =>
  runLog("repair", flags.log, flags.apply ? ["--apply"] : []);

function deployment(flags: { readonly deployment?: string | undefined }): readonly string[] {
  return flags.deployment === undefined ? [] : [`--deployment=${flags.deployment}`];
}

function runLog(verb: string, location: string | undefined, more: readonly string[] = []): Promise<number> {
  const log = location === undefined ? [] : [`--log=${location}`];
  return runLogCommand([verb, ...log, ...more], console.log, console.error);
}
