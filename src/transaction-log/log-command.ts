import { parseArgs } from "node:util";
import { DuetError } from "../errors.ts";
import { nodeFileSystem } from "./file/node-file-system.ts";
import { catLog } from "./file/repair/cat.ts";
import { repairLog } from "./file/repair/repair.ts";
import { verifyLog } from "./file/repair/verify.ts";
import { silentSink } from "./log-sink.ts";
import type { PostgresTransactionLoggerOptions } from "./postgres/options.ts";
import type { RemoteLogDriver } from "./remote/driver.ts";
import { inspectRemoteLog, type RemoteLogFindings, readsOfEachCopy } from "./remote/inspect.ts";
import { optionsFromEnvironment } from "./remote/jetstream/environment.ts";
import type { JetStreamLogOptions } from "./remote/jetstream/options.ts";
import { toLine } from "./transaction-line.ts";

const usage = [
  "usage: duetkv log verify [--log file:DIR|postgres://…|nats://…] [--deployment NAME]",
  "       duetkv log repair [--log file:DIR] [--apply]",
  "       duetkv log cat [--log file:DIR|postgres://…|nats://…] [--deployment NAME]",
];

/** As those of all commands: src/cli/exit-codes.ts. */
const exitCodes = { good: 0, failed: 1, usage: 2, damaged: 9 } as const;

type Print = (line: string) => void;

/**
 * Runs `duetkv log verify`, `repair` or `cat`. Resolves with the exit code: 0, the log is good or was repaired; 1, it
 * cannot be read; 2, the command line is wrong; 9, it is damaged, or has a damaged copy. `printError` receives everything
 * that is not a result.
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
    const { place, verb, apply } = command;
    if (typeof place === "string") return await runOnFiles(verb, place, apply, print);
    return await ("nats" in place
      ? runOnJetStream(verb, place.nats, print, printError)
      : runOnPostgres(verb, place, print));
  } catch (error) {
    // Other errors are unexpected; the caller shows their stack.
    if (!(error instanceof DuetError) && !(error instanceof Error && "code" in error)) throw error;
    printError(`duetkv log: ${error.message}`);
    const damaged = error instanceof DuetError && error.reason === "LOG_CORRUPT";
    return damaged ? exitCodes.damaged : exitCodes.failed;
  }
}

const verbs = ["verify", "repair", "cat"] as const;

type Verb = (typeof verbs)[number];

interface Command {
  readonly verb: Verb;
  /** A directory, a database, or streams. */
  readonly place: string | PostgresTransactionLoggerOptions | { readonly nats: JetStreamLogOptions };
  readonly apply: boolean;
}

async function runOnFiles(verb: Verb, directory: string, apply: boolean, print: Print): Promise<number> {
  await assertLog(directory);
  switch (verb) {
    case "verify":
      return verify(directory, print);
    case "repair":
      return repair(directory, apply, print);
    case "cat":
      await catLog(directory, print);
      return exitCodes.good;
  }
}

/** Throws the error of the damage, if there is damage. */
async function runOnPostgres(
  verb: Verb,
  options: PostgresTransactionLoggerOptions,
  print: Print,
): Promise<number> {
  // Loaded only here: loading the driver takes longer than a check of files.
  const { inspectPostgresLog } = await import("./postgres/inspect.ts");
  const report = await inspectPostgresLog(options, (transactions) => {
    if (verb === "cat") for (const transaction of transactions) print(toLine(transaction));
  });
  if (verb === "verify") {
    print(
      `${report.rows} rows, ${report.transactions} transactions; ` +
        `last sequence ${report.lastSequence}, horizon ${report.horizon}`,
    );
  }
  if (report.damage) throw report.damage;
  if (verb === "verify") print("The log is good.");
  return exitCodes.good;
}

/** The same for a log in JetStream. */
async function runOnJetStream(
  verb: Verb,
  options: JetStreamLogOptions,
  print: Print,
  printError: Print,
): Promise<number> {
  const { openJetStreamDriverForReading } = await import("./remote/jetstream/open.ts");
  const driver = await openJetStreamDriverForReading(options);
  try {
    return await runOnRemoteLog(verb, driver, print, printError);
  } finally {
    await driver.close();
  }
}

/** The same for a log behind any driver. A log that can be read is not good if one of its copies is damaged. */
export async function runOnRemoteLog(
  verb: Verb,
  driver: RemoteLogDriver,
  print: Print,
  printError: Print,
): Promise<number> {
  const isVerify = verb === "verify";
  const reads = isVerify ? readsOfEachCopy(await driver.countCopies()) : 1;
  let damagedReads = 0;
  const printed = new Set<string>();
  const findings: RemoteLogFindings = {
    onTransactions(transactions) {
      if (verb === "cat") for (const transaction of transactions) print(toLine(transaction));
    },
    onDamagedRead({ what, copies }) {
      damagedReads++;
      if (printed.has(what)) return;
      printed.add(what);
      (isVerify ? print : printError)(`damaged copy: ${what}; the copies are on ${copies}`);
    },
  };
  const report = await inspectRemoteLog(driver, findings, reads);
  const { batches, transactions, lastSequence, horizon, damage } = report;
  if (isVerify) {
    print(
      `${batches} batches, ${transactions} transactions; last sequence ${lastSequence}, horizon ${horizon}`,
    );
  }
  if (damage) throw damage;
  if (!isVerify) return exitCodes.good;
  if (report.reads < reads) {
    print(
      `Read ${report.reads} of ${reads} times, because the log was compacted meanwhile: damage in one of the copies may not ` +
        "have been found.",
    );
  }
  if (damagedReads === 0) {
    print("The log is good.");
    return exitCodes.good;
  }
  print(
    `${damagedReads} ${damagedReads === 1 ? "read" : "reads"} found a damaged copy. Other copies had everything, so the log is complete. ` +
      "Replace the damaged copy: docs/runbook.md, DuetkvLogCopyDamaged",
  );
  return exitCodes.damaged;
}

/** Returns a text when the arguments are wrong. */
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
  if (verb !== "repair" && values.apply) return "--apply is an option of repair only";
  const location = values.log ?? (process.env["DUETKV_LOG"] || "file:./data");
  const directory = /^file:(.+)$/s.exec(location)?.[1];
  if (directory !== undefined) return { verb, place: directory, apply: values.apply ?? false };
  const scheme = location.split(":")[0];
  if (verb === "repair") return `--log must be file:DIR for a repair, not ${scheme}:`;
  if (/^(?:nats|tls):\/\//.test(location))
    return { verb, place: { nats: optionsFromEnvironment(location, process.env) }, apply: false };
  if (!/^postgres(?:ql)?:\/\//.test(location))
    return `--log must be file:DIR, postgres://… or nats://…, not ${scheme}:`;
  const deployment = values.deployment ?? process.env["DUETKV_DEPLOYMENT"];
  const place = { url: location, log: silentSink, ...(deployment && { deployment }) };
  return { verb, place, apply: false };
}

function parse(args: string[]) {
  return parseArgs({
    args,
    allowPositionals: true,
    options: { log: { type: "string" }, deployment: { type: "string" }, apply: { type: "boolean" } },
  });
}

/** A mistyped path, or a volume that is not mounted, must not count as a good log, and must not create one. */
async function assertLog(directory: string): Promise<void> {
  const names = await nodeFileSystem.list(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  if (names.length === 0) throw new DuetError("LOG_UNAVAILABLE", `there is no log in ${directory}`);
}

async function verify(directory: string, print: Print): Promise<number> {
  const report = await verifyLog(directory);
  print(
    `${report.files} files, ${report.frames} frames, ${report.transactions} transactions; ` +
      `last sequence ${report.lastSequence}, horizon ${report.horizon}`,
  );
  for (const { kind, file, offset, what } of report.findings) print(`${kind}: ${file} at ${offset}: ${what}`);
  if (!report.findings.some(({ kind }) => kind === "corrupt")) {
    print(
      report.findings.length === 0
        ? "The log is good."
        : "The log is good; the next start removes these traces of a crash.",
    );
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
      `${report.lostTransactions} recognisable later transactions ${apply ? "are" : "would be"} lost.`,
  );
  if (apply) return exitCodes.good;
  print(`Nothing was changed. To do it: duetkv log repair --log file:${directory} --apply`);
  return exitCodes.damaged;
}
