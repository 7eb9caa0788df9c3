/**
 * Decodes percent-encoded UTF-8 exactly once. Undefined for a broken escape, for what is not UTF-8 (overlong forms and
 * surrogates too), and for bytes that should have been encoded: Node's parser refuses those over HTTP/1.1 already.
 */
export function decodePercent(raw: string): string | undefined {
  if (!/[%\x80-\uffff]/.test(raw)) return raw;
  if (/[\x80-\uffff]/.test(raw)) return undefined;
  try {
    return decodeURIComponent(raw);
  } catch {
    return undefined;
  }
}
