import { hashInput, murmur3 } from "../store/murmur3.ts";
import type { Check, Mutation } from "./operation.ts";

/** The most bytes that the numbers, tags and lengths of a check or mutation take. */
const fieldsBytesMax = 32;

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
    text("c", key);
    if ("revision" in condition) number(condition.revision);
    else number("exists" in condition && condition.exists ? -1 : -2);
  }
  for (const mutation of mutations) {
    if (mutation.type === "delete") {
      text("d", mutation.key);
      continue;
    }
    text(mutation.type === "put" ? "p" : "t", mutation.key);
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
  if (typeof content === "string") return text("s", content);
  bytes.set(content, begin("b", content.length));
  offset += content.length;
}

function text(tag: string, content: string): void {
  const start = begin(tag, 0);
  const length = bytes.write(content, start, "utf8");
  bytes.writeUInt32LE(length, start - 4);
  offset += length;
}

/** Writes tag and length. Returns the offset of the content. */
function begin(tag: string, length: number): number {
  bytes[offset] = tag.charCodeAt(0);
  offset = bytes.writeUInt32LE(length, offset + 1);
  return offset;
}

function number(content: number): void {
  offset = bytes.writeDoubleLE(content, offset);
}
