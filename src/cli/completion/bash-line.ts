/** An unfinished command line of bash, as readline sees it. */
export interface BashLine {
  /** The words without their quotes; the last one is being completed. */
  readonly words: readonly string[];
  /** The quote in which the last word ends. */
  readonly quote: '"' | "'" | "";
  /** The beginning of the last word that readline keeps: it replaces only what follows the last word break. */
  readonly kept: string;
}

/** Reads a command line up to the cursor. `breaks` is COMP_WORDBREAKS. Variables and substitutions are not expanded. */
export function readBashLine(line: string, breaks: string): BashLine {
  const words: string[] = [];
  let word = "";
  let kept = "";
  let started = false;
  let quote: BashLine["quote"] = "";
  for (let at = 0; at < line.length; at++) {
    const character = line[at] as string;
    if (quote !== "") {
      if (character === quote) quote = "";
      else if (quote === '"' && character === "\\" && /["\\$`]/.test(line[at + 1] ?? "")) word += line[++at];
      else word += character;
      continue;
    }
    if (/\s/.test(character)) {
      if (started) words.push(word);
      word = "";
      kept = "";
      started = false;
      continue;
    }
    started = true;
    if (character === '"' || character === "'") {
      quote = character;
      // An open quote is a word break, too.
      kept = word;
    } else if (character === "\\") word += line[++at] ?? "";
    else {
      word += character;
      if (breaks.includes(character)) kept = word;
    }
  }
  return { words: [...words, word], quote, kept };
}

/** The text to insert for a word; undefined if it cannot be written in the quotes that are open. */
export function toBashReply(word: string, { quote, kept }: BashLine): string | undefined {
  if (!word.startsWith(kept)) return undefined;
  const rest = word.slice(kept.length);
  if (quote === "'") return rest.includes("'") ? undefined : rest;
  // bash expands a `!` in these quotes from its history, and a backslash before it would stay in the word.
  if (quote === '"') return rest.includes("!") ? undefined : rest.replace(/["\\$`]/g, "\\$&");
  return rest.replace(/[^\p{L}\p{M}\p{N}_./,+@%^:=-]/gu, "\\$&");
}
