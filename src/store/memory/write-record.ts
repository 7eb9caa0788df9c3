import { valueBytes } from "../entry.ts";
import type { Allocator } from "./allocator.ts";
import {
  asciiKeyFlag,
  asciiValueFlag,
  binaryFlag,
  expiresFlag,
  expireTimeBytes,
  headerBytes,
  highBits,
  recordBytes,
} from "./record-format.ts";
import type { RecordEntry, Records } from "./records.ts";
import type { SearchKey } from "./search-key.ts";
import { type Ref, type Slabs, wordOf } from "./slabs.ts";

/** Up to this length a loop is faster than a call of Node's encoder. */
const loopMax = 40;

/** Writes an entry, whose key `key` holds already, as a new record. */
export function writeRecord(slabs: Slabs, allocator: Allocator, key: SearchKey, entry: RecordEntry): Ref {
  const valueLength = valueBytes(entry.value);
  const ref = allocator.allocateRecord(recordBytes(key.length, valueLength, entry.expireTime !== 0));
  fillRecord(slabs, ref, key, entry, valueLength);
  return ref;
}

/** Writes an entry, whose key `key` holds already, into memory that is large enough. `valueLength` is in bytes. */
export function fillRecord(
  slabs: Slabs,
  ref: Ref,
  key: SearchKey,
  entry: RecordEntry,
  valueLength: number,
): void {
  const { value, revision, createRevision, version, updateTime, expireTime } = entry;
  const isText = typeof value === "string";
  const isAsciiText = isText && valueLength === value.length;
  const expires = expireTime !== 0;
  const keyOffset = headerBytes + (expires ? expireTimeBytes : 0);

  const words = slabs.wordsOf(ref);
  const word = wordOf(ref);
  const flags =
    (isText ? 0 : binaryFlag) |
    (expires ? expiresFlag : 0) |
    (key.isAscii ? asciiKeyFlag : 0) |
    (isAsciiText ? asciiValueFlag : 0);
  words[word] = valueLength;
  words[word + 1] = key.length | (flags << 16);
  words[word + 2] = revision;
  words[word + 3] = createRevision;
  words[word + 4] = highBits(revision) | (highBits(createRevision) << 16);
  words[word + 5] = updateTime;
  words[word + 6] = highBits(updateTime) | (highBits(version) << 16);
  words[word + 7] = version;
  if (expires) {
    words[word + 8] = expireTime;
    words[word + 9] = highBits(expireTime);
  }

  const bytes = slabs.bytesOf(ref);
  const keyStart = word * 4 + keyOffset;
  for (let index = 0; index < key.length; index++) bytes[keyStart + index] = key.bytes[index] as number;
  const valueStart = keyStart + key.length;
  if (!isText) bytes.set(value, valueStart);
  else if (isAsciiText && valueLength <= loopMax) {
    for (let index = 0; index < valueLength; index++) bytes[valueStart + index] = value.charCodeAt(index);
  } else bytes.write(value, valueStart, isAsciiText ? "latin1" : "utf8");
}

/** Writes a copy of a record with another expire time, in milliseconds since 1970 UTC; 0: never. */
export function copyWithExpireTime(
  slabs: Slabs,
  allocator: Allocator,
  records: Records,
  ref: Ref,
  expireTime: number,
): Ref {
  const expires = expireTime !== 0;
  const start = wordOf(ref) * 4;
  const words = slabs.wordsOf(ref);
  const word = wordOf(ref);
  const keyBytes = records.keyLength(ref);
  const valueLength = words[word] as number;
  const end = start + recordBytes(keyBytes, valueLength, records.expireTime(ref) !== 0);
  const copy = allocator.allocateRecord(recordBytes(keyBytes, valueLength, expires));
  const copyWords = slabs.wordsOf(copy);
  const copyWord = wordOf(copy);
  copyWords.set(words.subarray(word, word + headerBytes / 4), copyWord);
  const sizes = words[word + 1] as number;
  copyWords[copyWord + 1] = expires ? sizes | (expiresFlag << 16) : sizes & ~(expiresFlag << 16);
  if (expires) {
    copyWords[copyWord + 8] = expireTime;
    copyWords[copyWord + 9] = highBits(expireTime);
  }
  const contentStart = copyWord * 4 + headerBytes + (expires ? expireTimeBytes : 0);
  slabs.bytesOf(copy).set(slabs.bytesOf(ref).subarray(end - keyBytes - valueLength, end), contentStart);
  return copy;
}
