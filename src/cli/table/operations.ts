import type { CommandSpec } from "../command.ts";

const log = {
  log: { type: "text", value: "file:DIR", text: "the log (DUETKV_LOG, or else file:./data)" },
} as const;

/** The transaction log, on the machine that has it. */
export const operationCommands = {
  "log verify": {
    usage: "",
    positionals: [0, 0],
    summary: "check a transaction log",
    details: "Changes nothing. Exit code 1: the log is damaged or cannot be read.",
    examples: ["duetkv log verify --log file:/var/lib/duetkv"],
    flags: log,
  },
  "log repair": {
    usage: "",
    positionals: [0, 0],
    summary: "show what a repair of a log would do, or do it",
    details:
      "What it cuts off is kept in files beside the log. Exit code 1: the log is damaged and still is.",
    examples: ["duetkv log repair --log file:/var/lib/duetkv --apply"],
    flags: { ...log, apply: { type: "boolean", text: "change the log" } },
  },
  "log cat": {
    usage: "",
    positionals: [0, 0],
    summary: "print each transaction of a log as a line of JSON",
    details: "",
    examples: ["duetkv log cat --log file:/var/lib/duetkv | tail -1"],
    flags: log,
  },
} as const satisfies Readonly<Record<string, CommandSpec>>;
