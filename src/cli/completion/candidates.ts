import type { CommandSpec, Flag } from "../command.ts";
import { commands } from "../command-table.ts";
import { flagsOf, type ScannedWords, scanWords } from "./scan-words.ts";

/** A word that may be inserted, with a line that describes it. */
export interface Candidate {
  readonly word: string;
  readonly text: string;
}

/** The kind of a word: one of a known list, or what the server, the contexts or the file system have. */
export type Completion =
  | { readonly kind: "words"; readonly words: readonly Candidate[] }
  | { readonly kind: "keys" | "contexts"; readonly given: ScannedWords["given"]; readonly before: string }
  | { readonly kind: "files" };

const nothing: Completion = { kind: "words", words: [] };

/** Decides what can complete the last of these words, which follow `duetkv`. */
export function findCompletion(words: readonly string[]): Completion {
  const current = words.at(-1) ?? "";
  const scanned = scanWords(words.slice(0, -1));
  if (scanned.inChild) return { kind: "files" };
  if (scanned.pending !== undefined)
    return completeValue(scanned.pending.name, scanned.pending.flag, scanned);
  if (!scanned.literal && current.startsWith("-")) return completeFlag(current, scanned);
  return scanned.command === undefined ? completeName(scanned) : completePositional(scanned.command, scanned);
}

function completeName({ unknown }: ScannedWords): Completion {
  const start = unknown.map((word) => `${word} `).join("");
  const candidates = new Map<string, string>();
  for (const [name, { summary }] of Object.entries<CommandSpec>(commands)) {
    if (!name.startsWith(start)) continue;
    const [word = "", ...rest] = name.slice(start.length).split(" ");
    const known = candidates.get(word);
    const text = rest.length === 0 ? summary : rest.join(" ");
    candidates.set(word, known === undefined ? text : `${known}, ${text}`);
  }
  return { kind: "words", words: [...candidates].map(([word, text]) => ({ word, text })) };
}

function completeFlag(current: string, scanned: ScannedWords): Completion {
  const flags = flagsOf(scanned.command?.spec);
  const [start, name = ""] = /^--([^=]*)=/.exec(current) ?? [];
  if (start !== undefined) {
    const flag = flags[name];
    return flag === undefined ? nothing : completeValue(name, flag, scanned, start);
  }
  const open = Object.entries(flags).filter(
    ([flag, { type }]) => type === "texts" || !scanned.given.has(flag),
  );
  return { kind: "words", words: open.map(([flag, { text }]) => ({ word: `--${flag}`, text })) };
}

function completeValue(name: string, flag: Flag, { given }: ScannedWords, before = ""): Completion {
  if (flag.values !== undefined) {
    return { kind: "words", words: flag.values.map((value) => ({ word: `${before}${value}`, text: "" })) };
  }
  if (name === "context") return { kind: "contexts", given, before };
  return completePlaceholder(flag.value ?? "", given, before);
}

function completePositional(
  { name, spec }: { name: string; spec: CommandSpec },
  scanned: ScannedWords,
): Completion {
  const placeholders = spec.usage.split(" ").filter((part) => part !== "");
  const last =
    placeholders.at(-1)?.endsWith("…") === true ? placeholders.length - 1 : Number.POSITIVE_INFINITY;
  const placeholder = placeholders[Math.min(scanned.positionals.length, last)] ?? "";
  if (name === "context use") return { kind: "contexts", given: scanned.given, before: "" };
  const { values } = spec;
  if (values !== undefined) return { kind: "words", words: values.map((word) => ({ word, text: "" })) };
  return completePlaceholder(placeholder.replace(/[[\]…]/g, ""), scanned.given, "");
}

function completePlaceholder(placeholder: string, given: ScannedWords["given"], before: string): Completion {
  const [kind] = placeholder.split("|");
  if (kind === "KEY" || kind === "PREFIX") return { kind: "keys", given, before };
  return kind === "FILE" || kind === "STATE" ? { kind: "files" } : nothing;
}
