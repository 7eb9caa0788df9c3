import { encodeHuffman } from "./huffman.ts";
import { findStaticName } from "./static-table.ts";

/** First bytes of the representations that a block is made of (RFC 7541, section 6). */
export const representations = {
  indexed: 0x80,
  incremental: 0x40,
  tableSize: 0x20,
  withoutIndexing: 0x00,
} as const;

const incrementalPrefixBits = 6;
const withoutIndexingPrefixBits = 4;

/** Encodes an integer with a prefix of `prefixBits` bits into a first byte that holds `first` (RFC 7541, section 5.1). */
export function encodeInteger(value: number, prefixBits: number, first: number): Buffer {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) return Buffer.of(first | value);
  const bytes = [first | mask];
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** Encodes a literal field with Huffman where that is shorter. For fields that are encoded once and sent often. */
export function encodeLiteral(name: string, value: string, indexing: "incremental" | "without"): Buffer {
  const [first, prefixBits] =
    indexing === "incremental"
      ? [representations.incremental, incrementalPrefixBits]
      : [representations.withoutIndexing, withoutIndexingPrefixBits];
  const index = findStaticName(name);
  const encodedName =
    index === undefined
      ? Buffer.concat([Buffer.of(first), encodeString(name)])
      : encodeInteger(index, prefixBits, first);
  return Buffer.concat([encodedName, encodeString(value)]);
}

function encodeString(text: string): Buffer {
  const plain = Buffer.from(text, "latin1");
  const huffman = encodeHuffman(plain);
  if (huffman.length < plain.length) return Buffer.concat([encodeInteger(huffman.length, 7, 0x80), huffman]);
  return Buffer.concat([encodeInteger(plain.length, 7, 0), plain]);
}

/** Bytes that `writeLiteral` needs at most. */
export function literalBytesMax(name: string, value: string): number {
  return 1 + 2 * 5 + name.length + value.length;
}

/** Writes a literal field without indexing and without Huffman, for values that differ from call to call. Returns its end. */
export function writeLiteral(out: Buffer, start: number, name: string, value: string): number {
  out[start] = representations.withoutIndexing;
  return writeString(out, writeString(out, start + 1, name), value);
}

function writeString(out: Buffer, start: number, text: string): number {
  const { length } = text;
  let at = start;
  if (length < 0x7f) out[at++] = length;
  else at += encodeInteger(length, 7, 0).copy(out, at);
  return at + out.write(text, at, "latin1");
}
