/**
 * Letters, marks, digits, punctuation, symbols and spaces: no characters that move the cursor or are invisible. Such an
 * expression takes more than a millisecond to create, which commands that print to no terminal save.
 */
function isPrintable(text: string): boolean {
  return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u.test(text);
}

/** Formats a text for one line of a terminal: unchanged, or as a JSON string if it could be misread. */
export function toPrintable(text: string): string {
  if (isPrintable(text) && !text.startsWith('"')) return text;
  return escapeUnprintable(JSON.stringify(text));
}

/** Formats a message that may quote others for a terminal: other characters than printable ones become \\u and their code. */
export function escapeUnprintable(text: string): string {
  return text.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (character) =>
    [...Array(character.length).keys()]
      .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}

/** Whether a terminal can show the text: it has no control characters except tabs and line ends. */
export function isTerminalSafe(text: string): boolean {
  return isPrintable(text.replace(/[\t\n]|\r\n/g, " "));
}

/** Formats lines for a terminal, whatever of others is in them: tabs, line ends and these codes stay as they are. */
export function toTerminalText(text: string, codes: readonly string[]): string {
  const kept = ["\t", "\r\n", "\n", ...codes].map((code) => RegExp.escape(code)).join("|");
  return text
    .split(new RegExp(`(${kept})`))
    .map((part, index) => (index % 2 === 0 ? escapeUnprintable(part) : part))
    .join("");
}
