import { parseArgs } from "node:util";
import { DuetError } from "../../../errors.ts";
import { nodeFileSystem } from "../node-file-system.ts";
import { catLog } from "./cat.ts";
import { repairLog } from "./repair.ts";
import { verifyLog } from "./verify.ts";

const usage = [
  "usage: duetkv log verify [--log file:DIR]",
  "       duetkv log repair [--log file:DIR] [--apply]",
  "       duetkv log cat [--log file:DIR]",
];

const exitCodes = { good: 0, damaged: 1, usage: 2 } as const;

type Print = (line: string) => void;

/**
 * `duetkv log verify`, `duetkv log repair` and `duetkv log cat`. Resolves with the exit code: 0 the log is good, or is
 * now; 1 it is damaged, or could not be read; 2 the command was not understood. `printError` gets what is not a result.
 */
export async function runLogCommand(
  args: string[],
  print: Print,
  printError: Print = print,
): Promise<number> {
  const command = parseCommand(args);
  if (typeof command === "string") {
    for (const line of [`duetkv log: ${command}`, ...usage]) printError(line);
    return exitCodes.usage;
  }
  try {
    await assertLog(command.directory);
    switch (command.verb) {
      case "verify":
        return await verify(command.directory, print);
      case "repair":
        return await repair(command.directory, command.apply, print);
      case "cat":
        await catLog(command.directory, print);
        return exitCodes.good;
    }
  } catch (error) {
    // Anything else is not expected, and the caller shows where it came from.
    if (!(error instanceof DuetError) && !(error instanceof Error && "code" in error)) throw error;
    printError(`duetkv log: ${error.message}`);
    return exitCodes.damaged;
  }
}

const verbs = ["verify", "repair", "cat"] as const;

interface Command {
  readonly verb: (typeof verbs)[number];
  readonly directory: string;
  readonly apply: boolean;
}

/** A text says what is wrong with the arguments. */
function parseCommand(args: string[]): Command | string {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    return (error as Error).message;
  }
  const { values, positionals } = parsed;
  const verb = verbs.find((each) => each === positionals[0]);
  if (verb === undefined || positionals.length > 1) return "expected one of verify, repair and cat";
  if (verb !== "repair" && values.apply) return "--apply goes with repair";
  const location = values.log ?? (process.env["DUETKV_LOG"] || "file:./data");
  const directory = /^file:(.+)$/s.exec(location)?.[1];
  if (directory === undefined) return `--log must be file:DIR here, not ${location.split(":")[0]}:`;
  return { verb, directory, apply: values.apply ?? false };
}

function parse(args: string[]) {
  return parseArgs({
    args,
    allowPositionals: true,
    options: { log: { type: "string" }, apply: { type: "boolean" } },
  });
}

/** A mistyped path, or a volume that is not mounted, must not look like a good log, nor become one. */
async function assertLog(directory: string): Promise<void> {
  const names = await nodeFileSystem.list(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  if (names.length === 0) throw new DuetError("LOG_CORRUPT", `there is no log in ${directory}`);
}

async function verify(directory: string, print: Print): Promise<number> {
  const report = await verifyLog(directory);
  print(
    `${report.files} files, ${report.frames} frames, ${report.transactions} transactions; ` +
      `last sequence ${report.lastSequence}, horizon ${report.horizon}`,
  );
  for (const { kind, file, offset, what } of report.findings) print(`${kind}: ${file} at ${offset}: ${what}`);
  if (!report.findings.some(({ kind }) => kind === "corrupt")) {
    print(report.findings.length === 0 ? "The log is good." : "The log is good; the next start tidies up.");
    return exitCodes.good;
  }
  print(`The log is damaged. To see what a repair would do: duetkv log repair --log file:${directory}`);
  return exitCodes.damaged;
}

async function repair(directory: string, apply: boolean, print: Print): Promise<number> {
  const report = await repairLog(directory, { apply });
  if (!report.damaged) {
    print("The log is good; there is nothing to repair.");
    return exitCodes.good;
  }
  for (const action of report.actions) print(apply ? `done: ${action}` : `would ${action}`);
  print(
    `${apply ? "Kept" : "Would keep"} everything up to sequence ${report.lastSequence}; ` +
      `${report.lostTransactions} later transactions that can be recognised ${apply ? "are" : "would be"} lost.`,
  );
  if (apply) return exitCodes.good;
  print(`Nothing was changed. To do it: duetkv log repair --log file:${directory} --apply`);
  return exitCodes.damaged;
}
