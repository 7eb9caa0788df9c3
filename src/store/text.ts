/** V8 copies what it cuts out of a string when it is shorter than this, and refers to the whole string otherwise. */
const sliceLengthMin = 13;

const beyondLatin1 = /[^\0-\xff]/;

/** The same text with memory of its own. A key that was cut out of a URL would keep the whole URL in memory. */
export function detachText(text: string): string {
  return text.length < sliceLengthMin ? text : Buffer.from(text).toString();
}

/** What a text is counted with: no less than it occupies, in memory (where V8 has one or two bytes a unit) and as UTF-8. */
export function textBytes(text: string): number {
  const bytes = Buffer.byteLength(text);
  return bytes !== text.length && beyondLatin1.test(text) ? Math.max(bytes, text.length * 2) : bytes;
}
