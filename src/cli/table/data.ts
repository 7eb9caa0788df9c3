import type { CommandSpec } from "../command.ts";
import { local } from "./keys.ts";

/** All entries, or many of them, out of a store and into one. */
export const dataCommands = {
  export: {
    usage: "",
    positionals: [0, 0],
    summary: "print all entries, or those of a prefix, as lines of JSON",
    details:
      "The entries are those of one revision. Exit code 9: they are of several revisions, because the history of the server is " +
      "shorter than the export took; all entries are printed. The last line is an end record with their count and a SHA-256 of " +
      "their keys and values, so that a truncated export is detected. It has the revision, and `firstRevision` if there are several.",
    examples: ["duetkv export > all.jsonl", "duetkv export --prefix config/ | gzip > config.gz"],
    flags: { prefix: { type: "text", value: "PREFIX", text: "only keys that begin with this" }, local },
  },
  import: {
    usage: "[FILE|-|URL]",
    positionals: [0, 1],
    summary: "store the entries of an export, or of etcd, Redis or Consul",
    details:
      "Commits them in batches. Entries that have expired meanwhile are skipped, as are, with --mode create, keys that " +
      "exist. --mode mirror also deletes the keys of the export's prefix that the export does not have, and writes only " +
      "differences. With --mode mirror or --to-prefix the whole export is checked before anything is written. Exit code " +
      "9: the export is truncated or damaged. --from reads another store at a URL: keys and values of etcd at one revision with " +
      "their leases, of Consul, or the strings of Redis with their times to live. Exit code 9: it has entries that cannot " +
      "be imported, such as lists, or values over a limit of the server; the others are. A mirror of a store without entries is refused, unless --allow-empty confirms it. Passwords are in the variables ETCDCTL_USER (NAME:PASSWORD), REDISCLI_AUTH " +
      "and CONSUL_HTTP_TOKEN.",
    examples: [
      "duetkv import all.jsonl --resume state",
      "duetkv export --prefix a/ | duetkv import --to-prefix b/",
      "duetkv import all.jsonl --mode mirror --server other:8080",
      "duetkv import --from etcd http://127.0.0.1:2379 --prefix /registry/ --to-prefix registry/",
      "duetkv import --from redis redis://127.0.0.1:6379/0",
    ],
    flags: {
      from: {
        type: "text",
        value: "STORE",
        values: ["etcd", "redis", "consul"],
        text: "the store at URL: etcd, redis or consul",
      },
      prefix: { type: "text", value: "PREFIX", text: "only keys that begin with this" },
      "to-prefix": {
        type: "text",
        value: "PREFIX",
        text: "replaces --prefix, or the export's prefix",
      },
      mode: {
        type: "text",
        value: "MODE",
        values: ["put", "create", "mirror"],
        text: "put, create or mirror (put)",
      },
      "allow-empty": {
        type: "boolean",
        text: "with --from and --mode mirror: delete all keys of the prefix if that store has none",
      },
      batch: { type: "count", value: "N", text: "entries in a commit, at most 1000 (500)" },
      resume: {
        type: "text",
        value: "STATE",
        text: "file with the progress, from which an interrupted import resumes (mode put)",
      },
    },
  },
  "snapshot save": {
    usage: "FILE|-",
    positionals: [1, 1],
    summary: "write an online backup of the store",
    details:
      "Saves all entries at one revision, while writes continue. FILE appears when the backup is complete and synced; until then it " +
      "is FILE.partial. Prints revision, entries, bytes and hash. Exit code 9: the backup is damaged.",
    examples: ["duetkv snapshot save backup.snapshot", "duetkv snapshot save - | gzip > backup.gz"],
    flags: {},
  },
  "snapshot verify": {
    usage: "FILE",
    positionals: [1, 1],
    summary: "check a backup",
    details:
      "Reads all of it. With --server it also compares its hash with that of the server, if the server is at the same " +
      "revision. Exit code 9: it is damaged or truncated, or the hashes differ.",
    examples: ["duetkv snapshot verify backup.snapshot"],
    flags: {},
  },
  "snapshot restore": {
    usage: "FILE",
    positionals: [1, 1],
    summary: "create a new log from a backup",
    details:
      "Refuses a log that is not empty. The log has another id, and its history begins 1,000,000,000 revisions or more after the " +
      "backup, so that watches and caches start over; entries keep their revisions. That is the one gap in revisions. A password of " +
      "PostgreSQL belongs in the variable PGPASSWORD, or in a file that PGPASSFILE names: all users of the machine can see the URL.",
    examples: ["duetkv snapshot restore backup.snapshot --log file:/var/lib/duetkv"],
    flags: {
      log: { type: "text", value: "URL", text: "the new log: file:DIR, postgres://… or nats://…; required" },
      deployment: {
        type: "text",
        value: "NAME",
        text: "name of the deployment, if several share one PostgreSQL database",
      },
    },
  },
} as const satisfies Readonly<Record<string, CommandSpec>>;
