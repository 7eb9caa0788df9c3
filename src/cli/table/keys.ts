import type { CommandSpec } from "../command.ts";

const precondition = {
  "if-revision": {
    type: "revision",
    value: "REV",
    text: "only if this is the entry's revision",
  },
} as const;

/** Of commands that may read a replica which cannot ask the log. */
export const local = { type: "boolean", text: "read this replica's state without asking the log" } as const;

/** Reading and writing of single keys, and lists of them. */
export const keyCommands = {
  get: {
    usage: "KEY",
    positionals: [1, 1],
    summary: "print a value",
    details:
      "The value is printed byte for byte; on a terminal a newline is added, and binary values are refused. Exit code 3: " +
      "there is no such key.",
    examples: ["duetkv get greeting", "duetkv get icon > icon.png", "duetkv get greeting --json"],
    flags: {
      at: { type: "revision", value: "REV", text: "the value at this revision, if the history has it" },
      local,
      "min-revision": { type: "revision", value: "REV", text: "wait until the server has this revision" },
    },
  },
  put: {
    usage: "KEY [VALUE|-]",
    positionals: [1, 2],
    summary: "store a value",
    details:
      "Without VALUE, or with -, the value is read from stdin. It is stored as text if it is valid UTF-8, and as bytes " +
      "otherwise. A put without --ttl is permanent.",
    examples: [
      "duetkv put greeting hello",
      "duetkv put icon --file icon.png",
      "duetkv put job/7 running --ttl 60s --if-new",
    ],
    flags: {
      file: { type: "text", value: "FILE", text: "read the value from a file" },
      bytes: { type: "boolean", text: "store it as bytes, also if it is text" },
      ttl: { type: "duration", value: "TIME", text: "the entry expires after this time, at least 1s" },
      "if-new": { type: "boolean", text: "only if there is no such key" },
      ...precondition,
    },
  },
  touch: {
    usage: "KEY",
    positionals: [1, 1],
    summary: "renew or end the time to live of an entry",
    details:
      "The entry keeps its value and its revision, and watches receive no event. Use it to renew a lock.",
    examples: ["duetkv touch session/7 --ttl 60s", "duetkv touch session/7 --permanent"],
    flags: {
      ttl: { type: "duration", value: "TIME", text: "the entry expires this time from now, at least 1s" },
      permanent: { type: "boolean", text: "the entry no longer expires" },
      ...precondition,
    },
  },
  edit: {
    usage: "KEY",
    positionals: [1, 1],
    summary: "change a value in an editor",
    details:
      "Opens $VISUAL or $EDITOR, shows the difference, and writes it if no other client has changed the entry; " +
      "otherwise it shows the other change and asks. A newline that the editor adds at the end is removed. The " +
      "entry expires when it would have expired without the edit, or up to a second later.",
    examples: ["duetkv edit config/app.json --format json"],
    flags: { format: { type: "text", value: "json", values: ["json"], text: "write only valid JSON" } },
  },
  del: {
    usage: "KEY…",
    positionals: [0, Number.POSITIVE_INFINITY],
    summary: "delete keys",
    details:
      "Prints the number of deleted keys. A missing key is not an error. Each key is deleted separately: for all or " +
      "nothing use `duetkv commit`. With --prefix it counts, asks, and deletes in batches of 500.",
    examples: [
      "duetkv del greeting icon",
      "duetkv del job/7 --if-revision 12",
      "duetkv del --prefix session/ --dry-run",
    ],
    flags: {
      ...precondition,
      prefix: { type: "text", value: "PREFIX", text: "all keys that begin with this" },
      "dry-run": { type: "boolean", text: "only count what --prefix would delete" },
      yes: { type: "boolean", text: "do not ask; needed where there is no terminal" },
      all: { type: "boolean", text: "needed for an empty prefix, which means every key" },
    },
  },
  commit: {
    usage: "[FILE|-]",
    positionals: [0, 1],
    summary: "make many changes at one revision, or none",
    details:
      "Reads the JSON of a CommitRequest: `checks` that must all hold, and `mutations`. Prints a line for each mutation.",
    examples: ["duetkv commit changes.json --dry-run"],
    flags: { "dry-run": { type: "boolean", text: "evaluate the checks and show what would change" } },
  },
  ls: {
    usage: "[PREFIX]",
    positionals: [0, 1],
    summary: "list keys",
    details:
      "Lists one level, like a folder: keys with a / after the prefix are shown once, up to that /. Keys with " +
      "unprintable characters are shown as JSON strings.",
    examples: ["duetkv ls", "duetkv ls config/ --values", "duetkv ls config/ --recursive --count"],
    flags: {
      recursive: { type: "boolean", text: "all keys below the prefix" },
      long: { type: "boolean", text: "with revision, version, time of the last write and of expiry" },
      values: { type: "boolean", text: "with values" },
      count: { type: "boolean", text: "only the number of keys below the prefix, all levels" },
      limit: { type: "count", value: "N", text: "at most N lines" },
      reverse: { type: "boolean", text: "from the last key to the first" },
    },
  },
  history: {
    usage: "KEY",
    positionals: [1, 1],
    summary: "list the changes of a key, the newest first",
    details: "Lists as many changes as the history of the store has, and prints where the history begins.",
    examples: ["duetkv history greeting", "duetkv history greeting --json"],
    flags: {},
  },
  diff: {
    usage: "KEY A [B]",
    positionals: [2, 3],
    summary: "show what changed between two revisions",
    details: "Without B, compares with the current value. Exit code 9: there is a difference.",
    examples: ["duetkv diff config/app.json 7", "duetkv diff config/app.json 7 12"],
    flags: {},
  },
  revert: {
    usage: "KEY",
    positionals: [1, 1],
    summary: "put the value that a key had at a revision",
    details: "Writes nothing if another client changes the entry meanwhile. The entry gets no time to live.",
    examples: ["duetkv revert config/app.json --to 7"],
    flags: { to: { type: "revision", value: "REV", text: "the revision to restore; required" } },
  },
  watch: {
    usage: "[KEY] [-- CMD…]",
    positionals: [0, 1],
    runsCommand: true,
    summary: "print changes as they happen",
    details:
      "Watches a key, a prefix, or everything. After a broken connection it reconnects and resumes the watch, so " +
      "that no change is lost or shown twice. If the history does not reach back that far, it reports that and ends with " +
      "exit code 1, or starts over if --existing is given. CMD runs for each change in order, with DUETKV_KEY, " +
      "DUETKV_TYPE and DUETKV_REVISION in its environment and the value on its stdin.",
    examples: [
      "duetkv watch --prefix config/",
      "duetkv watch greeting --existing --json",
      "duetkv watch greeting -- sh -c 'echo $DUETKV_TYPE; cat'",
    ],
    flags: {
      prefix: { type: "text", value: "PREFIX", text: "all keys that begin with this" },
      from: { type: "revision", value: "REV", text: "every change after this revision" },
      existing: { type: "boolean", text: "first print the existing entries" },
      previous: { type: "boolean", text: "with the previous entry" },
    },
  },
} as const satisfies Readonly<Record<string, CommandSpec>>;
