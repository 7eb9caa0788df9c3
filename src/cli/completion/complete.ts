import { contextFilePath, readContextFile } from "../context-file.ts";
import { CommandFailure } from "../failure.ts";
import { readBashLine, toBashReply } from "./bash-line.ts";
import { type Candidate, findCompletion } from "./candidates.ts";

/** A word that would break the lines of the response, or the terminal. */
const unprintable = /\p{Cc}/u;

/**
 * Runs the hidden command `duetkv complete SHELL …`, which the scripts of `duetkv completion` call. The arguments are the
 * words after `duetkv`; for bash, the line and COMP_WORDBREAKS. The first line of the response is `files`, or `words` with
 * one candidate on each of the following lines. Resolves with the exit code.
 */
export async function runComplete([shell = "", ...args]: readonly string[]): Promise<number> {
  const line = shell === "bash" ? readBashLine(args[0] ?? "", args[1] ?? "") : undefined;
  const words = line?.words.slice(1) ?? args;
  const candidates = await findCandidates(words);
  if (candidates === undefined) {
    process.stdout.write("files\n");
    return 0;
  }
  const shown = candidates
    .filter(({ word }) => word.startsWith(words.at(-1) ?? "") && !unprintable.test(word))
    .map(({ word, text }) => (line === undefined ? `${word}\t${text}` : toBashReply(word, line)))
    .filter((each) => each !== undefined);
  const text = ["words", ...shown].map((each) => `${each}\n`).join("");
  await new Promise<void>((resolve) => process.stdout.write(text, () => resolve()));
  return 0;
}

/** Undefined: the shell completes the name of a file. */
async function findCandidates(words: readonly string[]): Promise<readonly Candidate[] | undefined> {
  const completion = findCompletion(words);
  if (completion.kind === "words") return completion.words;
  if (completion.kind === "files") return undefined;
  const { kind, given, before } = completion;
  const start = (words.at(-1) ?? "").slice(before.length);
  const names =
    kind === "contexts" ? contextNames() : await (await import("./list-keys.ts")).listKeys(start, given);
  return names.map((name) => ({ word: `${before}${name}`, text: "" }));
}

function contextNames(): readonly string[] {
  try {
    return Object.keys(readContextFile(contextFilePath(process.env)).contexts);
  } catch (error) {
    if (error instanceof CommandFailure) return [];
    throw error;
  }
}
