import * as fc from "fast-check";

/** Single characters from each side of every border that UTF-8 or UTF-16 knows, so that random keys meet at them. */
const borderCharacters = [
  "\u0001",
  "a",
  "b",
  "\u007f",
  "\u0080",
  "\u07ff",
  "\u0800",
  "\ud7ff",
  "\ue000",
  "\uf7ff",
  "\uf800",
  "\ufffe",
  "\uffff",
  "\u{10000}",
  "\u{1f600}",
  "\u{fffff}",
  "\u{10ffff}",
] as const;

/** Any character. fast-check's own ("binary") takes seconds to begin with: it lists all of them. */
export const anyCharacter = fc
  .integer({ min: 0, max: 0x10_ffff })
  .filter((codePoint) => codePoint < 0xd800 || codePoint > 0xdfff)
  .map((codePoint) => String.fromCodePoint(codePoint));

const character = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...borderCharacters) },
  { weight: 1, arbitrary: anyCharacter },
);

/** Text without NUL, often with a common beginning. */
export const keyPart = fc.string({ unit: character, maxLength: 5 }).map((text) => text.replaceAll("\0", ""));

/** What a key can be. */
export const unicodeKey = keyPart.filter((text) => text.length > 0);

/** The order of keys, as the contract says it. */
export function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
