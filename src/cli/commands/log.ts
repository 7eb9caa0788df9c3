import { runLogCommand } from "../../transaction-log/file/repair/log-command.ts";
import type { Run } from "../invocation.ts";

export const runVerify: Run<"log verify"> = ({ flags }) => runLog("verify", flags.log);

export const runCat: Run<"log cat"> = ({ flags }) => runLog("cat", flags.log);

export const runRepair: Run<"log repair"> = ({ flags }) =>
  runLog("repair", flags.log, flags.apply ? ["--apply"] : []);

function runLog(verb: string, location: string | undefined, more: readonly string[] = []): Promise<number> {
  const log = location === undefined ? [] : [`--log=${location}`];
  return runLogCommand([verb, ...log, ...more], console.log, console.error);
}
