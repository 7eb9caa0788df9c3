/** Letters, marks, digits, punctuation, symbols and the space: nothing that moves a cursor or hides what it is. */
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u;

/** A key, or text, on one line of a terminal: as it is, or as a JSON string when that could be misread. */
export function toPrintable(text: string): string {
  if (printable.test(text) && !text.startsWith('"')) return text;
  return JSON.stringify(text).replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (character) =>
    [...Array(character.length).keys()]
      .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}

/** Whether a terminal shows it as it is: no control characters but tabs and the ends of lines. */
export function isTerminalSafe(text: string): boolean {
  return printable.test(text.replace(/[\t\n]|\r\n/g, " "));
}
