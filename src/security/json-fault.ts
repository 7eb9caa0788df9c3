/**
 * Where a text stops being JSON: "line 2 column 11". V8 tells it for some mistakes only, and quotes the text for others. The
 * shortest beginning that more text could not mend ends there.
 */
export function placeOfJsonFault(text: string): string {
  let good = 0;
  let bad = text.length + 1;
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1;
    if (middle <= text.length && isOnlyCut(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  const lines = text.slice(0, good).split("\n");
  return `line ${lines.length} column ${(lines.at(-1)?.length ?? 0) + 1}`;
}

/** Whether a text could be the beginning of JSON. */
function isOnlyCut(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const { message } = error as Error;
    const position = /at position (\d+)/.exec(message)?.[1];
    return position === undefined ? message.startsWith("Unexpected end") : Number(position) >= text.length;
  }
}
