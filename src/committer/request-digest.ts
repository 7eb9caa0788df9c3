import { hashInput, murmur3 } from "../store/murmur3.ts";
import type { Check, Mutation } from "./operation.ts";

/** The most bytes that the numbers, tags and lengths of a check or mutation take. */
const fieldsBytesMax = 32;

/** The bytes of a tag and a length. */
const headBytes = 5;

/** The letters c, p, t, d, s, b. */
const tags = { check: 0x63, put: 0x70, touch: 0x74, delete: 0x64, text: 0x73, bytes: 0x62 } as const;

export const digestBytes = 16;

const hash = new Int32Array(digestBytes / 4);
const hashBytes = Buffer.from(hash.buffer);

/** The buffer and position of the call under way. */
let bytes: Buffer = hashBytes;
let offset = 0;

/**
 * 16 bytes, valid until the next call, that depend on all that an operation asks for: the MurmurHash3 of its checks and
 * mutations, each with a tag and lengths. It detects a client that uses a request id for two operations. It is no defence against a client
 * that searches for two operations with one digest: that client gets the response to its own request.
 */
export function digestOperation(checks: readonly Check[], mutations: readonly Mutation[]): Buffer {
  const input = hashInput(mostBytes(checks, mutations));
  bytes = input.bytes;
  offset = 0;
  for (const { key, condition } of checks) {
    text(tags.check, key);
    if ("revision" in condition) number(condition.revision);
    else number("exists" in condition && condition.exists ? -1 : -2);
  }
  for (const mutation of mutations) {
    if (mutation.type === "delete") {
      text(tags.delete, mutation.key);
      continue;
    }
    text(mutation.type === "put" ? tags.put : tags.touch, mutation.key);
    number(mutation.ttlMs);
    if (mutation.type === "put") value(mutation.value);
  }
  while (offset % 16 !== 0) bytes[offset++] = 0;
  murmur3(input.words, offset, hash);
  // Do not keep a large buffer.
  bytes = hashBytes;
  return hashBytes;
}

function mostBytes(checks: readonly Check[], mutations: readonly Mutation[]): number {
  let most = 16;
  for (const { key } of checks) most += fieldsBytesMax + key.length * 3;
  for (const mutation of mutations) {
    most += fieldsBytesMax + mutation.key.length * 3;
    if (mutation.type === "put") most += mutation.value.length * 3;
  }
  return most;
}

function value(content: string | Uint8Array): void {
  if (typeof content === "string") return text(tags.text, content);
  begin(tags.bytes, content.length);
  bytes.set(content, offset);
  offset += content.length;
}

function text(tag: number, content: string): void {
  const length = bytes.write(content, offset + headBytes, "utf8");
  begin(tag, length);
  offset += length;
}

/** Writes tag and length, 4 bytes, little-endian. */
function begin(tag: number, length: number): void {
  bytes[offset] = tag;
  bytes[offset + 1] = length;
  bytes[offset + 2] = length >>> 8;
  bytes[offset + 3] = length >>> 16;
  bytes[offset + 4] = length >>> 24;
  offset += headBytes;
}

function number(content: number): void {
  offset = bytes.writeDoubleLE(content, offset);
}
