import { indentJson } from "./indent-json.ts";

/** What is stored: text, or bytes. */
export type Value = string | Uint8Array;

/** Larger values are shown in part. */
export const wholeBytesMax = 256 * 1024;
/** As much as is shown of them. */
export const previewBytes = 16 * 1024;

const previewCharacters = 120;

export function sizeOf(value: Value): number {
  return toBytes(value).length;
}

export function toBytes(value: Value): Uint8Array<ArrayBuffer> {
  return typeof value === "string" ? new TextEncoder().encode(value) : new Uint8Array(value);
}

/** The size of a value, and its beginning on one line. */
export function toPreview(value: Value | undefined): { bytes: number | undefined; preview: string } {
  if (value === undefined) return { bytes: undefined, preview: "" };
  if (typeof value !== "string") return { bytes: value.length, preview: "(bytes)" };
  const preview = value.slice(0, previewCharacters).replace(/\s+/g, " ");
  return { bytes: sizeOf(value), preview: value.length > previewCharacters ? `${preview}…` : preview };
}

/** The value with line breaks and indentation, if it is JSON; undefined otherwise. Its tokens stay as they are. */
export function formatJson(value: Value): string | undefined {
  return typeof value !== "string" || jsonFault(value) !== undefined ? undefined : indentJson(value);
}

/** What is wrong with a text as JSON; undefined if nothing is. */
export function jsonFault(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The end of all lines of a text; undefined if they end in different ways, which a text field would not keep. */
export function lineEndOf(text: string): "\n" | "\r\n" | undefined {
  if (!text.includes("\r")) return "\n";
  return /\r(?!\n)|(?<!\r)\n/.test(text) ? undefined : "\r\n";
}

/** Offset, 16 bytes and their ASCII characters on each line. */
export function toHex(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let start = 0; start < bytes.length; start += 16) {
    const row = [...bytes.subarray(start, start + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = row.map((byte) => (byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
    lines.push(`${start.toString(16).padStart(8, "0")}  ${hex.padEnd(47)}  ${text}`);
  }
  return lines.join("\n");
}
