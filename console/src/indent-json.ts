const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{},:]|[^\s[\]{},:"]+/g;

/** Levels below this one are not indented further: the size stays in proportion to that of the text. */
const depthMax = 32;

/**
 * Valid JSON with line breaks and indentation. Nothing is parsed and printed again: that would change large numbers and
 * drop members of the same name.
 */
export function indentJson(text: string): string {
  let depth = 0;
  let before = "";
  let indented = "";
  for (const [token] of text.matchAll(tokens)) {
    const isClosing = token === "]" || token === "}";
    const isFirst = before === "[" || before === "{";
    if (isClosing) depth--;
    if (isClosing ? !isFirst : isFirst || before === ",") {
      indented += `\n${"  ".repeat(Math.min(depth, depthMax))}`;
    } else if (before === ":") indented += " ";
    indented += token;
    if (token === "[" || token === "{") depth++;
    before = token;
  }
  return indented;
}
