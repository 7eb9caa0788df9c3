import type { CommandSpec } from "../command.ts";

const log = {
  log: {
    type: "text",
    value: "URL",
    text: "the log, file:DIR or postgres://… (DUETKV_LOG, or else file:./data)",
  },
  deployment: {
    type: "text",
    value: "NAME",
    text: "name of the deployment, if several share the database (DUETKV_DEPLOYMENT)",
  },
} as const;

/** The state of servers, where they are, and the transaction log on the machine that has it. */
export const operationCommands = {
  status: {
    usage: "",
    positionals: [0, 0],
    summary: "show the state of a server",
    details: "",
    examples: ["duetkv status", "duetkv status --json --server db.example:8080"],
    flags: {},
  },
  whoami: {
    usage: "",
    positionals: [0, 0],
    summary: "show your identity and your rights",
    details: "",
    examples: ["duetkv whoami --token-file token"],
    flags: {},
  },
  health: {
    usage: "",
    positionals: [0, 0],
    summary: "check whether the server is ready",
    details: "Prints its state; exit code 6 if it is not SERVING.",
    examples: ["duetkv health"],
    flags: {},
  },
  "context add": {
    usage: "NAME",
    positionals: [1, 1],
    summary: "save flags of all commands under a name",
    details:
      "Saves --server, --token-file, --cacert, --cert, --key and --timeout. The first saved " +
      "context becomes the current one. A context with the same name is replaced. Files are named, not copied.",
    examples: ["duetkv context add prod --server https://db.example --token-file ~/.duetkv-token"],
    flags: {},
  },
  "context use": {
    usage: "NAME",
    positionals: [1, 1],
    summary: "make a saved context the current one",
    details: "The flag --context selects one for a single command.",
    examples: ["duetkv context use prod"],
    flags: {},
  },
  "context ls": {
    usage: "",
    positionals: [0, 0],
    summary: "list the saved contexts",
    details: "An asterisk marks the current context.",
    examples: ["duetkv context ls"],
    flags: {},
  },
  "log verify": {
    usage: "",
    positionals: [0, 0],
    summary: "check a transaction log",
    details:
      "Changes nothing. A file log must not be in use; one in PostgreSQL may. Exit code 1: it is damaged or cannot be read.",
    examples: ["duetkv log verify --log file:/var/lib/duetkv"],
    flags: log,
  },
  "log repair": {
    usage: "",
    positionals: [0, 0],
    summary: "show what a repair of a log would do, or repair it",
    details:
      "Bytes that it cuts off are kept in files beside the log. Exit code 1: the log is damaged and was not repaired.",
    examples: ["duetkv log repair --log file:/var/lib/duetkv --apply"],
    flags: {
      log: { type: "text", value: "file:DIR", text: "the log (DUETKV_LOG, or else file:./data)" },
      apply: { type: "boolean", text: "change the log" },
    },
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
