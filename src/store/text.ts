/** V8 copies a substring that is shorter than this; a longer one refers to the whole string. */
const sliceLengthMin = 13;

const beyondLatin1 = /[^\0-\xff]/;

/**
 * Copies the text into memory of its own. Otherwise a key that was cut out of a URL keeps the whole URL in memory.
 */
export function detachText(text: string): string {
  return text.length < sliceLengthMin ? text : Buffer.from(text).toString();
}

/**
 * The size that a text is counted with: its UTF-8 length or its size in V8's memory (one or two bytes a unit),
 * whichever is larger.
 */
export function textBytes(text: string): number {
  const bytes = Buffer.byteLength(text);
  return bytes !== text.length && beyondLatin1.test(text) ? Math.max(bytes, text.length * 2) : bytes;
}
