import type { CommandSpec } from "../command.ts";

const log = {
  log: {
    type: "text",
    value: "URL",
    text: "the log, file:DIR, postgres://… or nats://… (DUETKV_LOG, or else file:./data)",
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
  bench: {
    usage: "",
    positionals: [0, 0],
    summary: "measure reads and writes of a server",
    details:
      "Writes 1000 keys below a prefix of its own, calls Get and Put for random ones, and deletes them, also when it is interrupted. " +
      "Each client has a connection and calls one after the other. Prints rates, percentiles and a histogram of the " +
      "latency, and errors by reason.",
    examples: ["duetkv bench", "duetkv bench --clients 64 --seconds 30 --size 1000 --ratio 0.5"],
    flags: {
      clients: { type: "count", value: "N", text: "connections, at most 1000 (16)" },
      seconds: { type: "count", value: "N", text: "how long it calls (10)" },
      size: { type: "count", value: "BYTES", text: "size of a value (100)" },
      ratio: { type: "share", value: "R", text: "the share of reads, from 0 to 1 (0.9)" },
      prefix: { type: "text", value: "PREFIX", text: "its keys are below this (duetkv-bench/)" },
    },
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
  completion: {
    usage: "SHELL",
    positionals: [1, 1],
    values: ["bash", "zsh", "fish"],
    summary: "print the script that completes words in a shell",
    details:
      "SHELL is bash (4.4 or later), zsh or fish. Commands, flags, files and contexts are completed, and keys up to the next slash: they are " +
      "listed from the server within 300 ms.",
    examples: [
      "duetkv completion bash > /etc/bash_completion.d/duetkv",
      "duetkv completion zsh > ~/.zfunc/_duetkv",
      "duetkv completion fish > ~/.config/fish/completions/duetkv.fish",
    ],
    flags: {},
  },
  "token new": {
    usage: "NAME",
    positionals: [1, 1],
    summary: "make a token for a policy",
    details:
      "Prints the token, which is nowhere else, and then its entry for `tokens` in the policy file, which has only its hash.",
    examples: ["duetkv token new ci --role deployer --expires 2027-01-01T00:00:00Z"],
    flags: {
      role: { type: "texts", value: "ROLE", text: "a role of its owner; may be given again" },
      expires: { type: "text", value: "TIME", text: "when it ends, such as 2027-01-01T00:00:00Z (never)" },
    },
  },
  "token hash": {
    usage: "[FILE|-]",
    positionals: [0, 1],
    summary: "print the hash of a token for a policy",
    details:
      "Reads the token from a file or stdin: an argument would be visible to all users of the machine.",
    examples: ["duetkv token hash token"],
    flags: {},
  },
  "policy check": {
    usage: "FILE",
    positionals: [1, 1],
    summary: "check a policy file",
    details:
      "Prints what is in it, or every mistake with its place; exit code 9 if there are any. Warns about what is valid, but most " +
      "likely not meant: a role that nobody has, a rule that the role itself denies, an expired token.",
    examples: ["duetkv policy check policy.json"],
    flags: {},
  },
  "policy explain": {
    usage: "FILE [KEY]",
    positionals: [1, 2],
    summary: "show whether a policy allows something, and by which rules",
    details:
      "The identity is one that the file names; --role is for others, such as those of JWTs. Rights to the server, status and " +
      "snapshot, need no KEY. Exit code 5: it is denied.",
    examples: [
      "duetkv policy explain policy.json --identity ci --right write cfg/a",
      "duetkv policy explain policy.json --role deployer --right read cfg/secret/a",
    ],
    flags: {
      identity: {
        type: "text",
        value: "NAME",
        text: "the name of a token or certificate (anonymous callers)",
      },
      role: { type: "texts", value: "ROLE", text: "a role that the identity has; may be given again" },
      right: {
        type: "text",
        value: "RIGHT",
        text: "read, list, watch, write, delete, status or snapshot (read)",
      },
    },
  },
  "log verify": {
    usage: "",
    positionals: [0, 0],
    summary: "check a transaction log",
    details:
      "Changes nothing. A file log must not be in use; one in PostgreSQL or NATS may. Exit code 9: it is damaged; in NATS, a copy that was read is damaged, also when another copy had everything. Exit code 1: it cannot be read.",
    examples: ["duetkv log verify --log file:/var/lib/duetkv"],
    flags: log,
  },
  "log repair": {
    usage: "",
    positionals: [0, 0],
    summary: "show what a repair of a log would do, or repair it",
    details:
      "Bytes that it cuts off are kept in files beside the log. Exit code 9: the log is damaged and was not repaired.",
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
