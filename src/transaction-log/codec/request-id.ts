import { randomFillSync } from "node:crypto";

export const requestIdBytes = 16;

/**
 * The id of a request, a UUIDv7, as numbers of 32 bits with a sign: an array of bytes takes three times the memory, and a
 * part of the message would keep all of it while the write waits for the log.
 */
export interface RequestId {
  /** Computed once, because it is used several times. */
  readonly hash: number;
  /** The 16 bytes in order, little-endian. */
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

/** 256 for each byte of an id. Random for each process, so that clients cannot choose ids with equal hashes. */
const hashNumbers = randomFillSync(new Int32Array(requestIdBytes * 256));

const scratch = new Uint8Array(requestIdBytes);

/** The id in the 16 bytes from `offset`. */
export function toRequestId(bytes: Uint8Array, offset = 0): RequestId {
  return {
    hash: hashId(bytes, offset),
    a: wordAt(bytes, offset),
    b: wordAt(bytes, offset + 4),
    c: wordAt(bytes, offset + 8),
    d: wordAt(bytes, offset + 12),
  };
}

/** The 16 bytes, valid until the next call. */
export function idBytesOf(id: RequestId): Uint8Array {
  writeRequestId(scratch, id, 0);
  return scratch;
}

/** Writes the 16 bytes. Returns the offset behind them. */
export function writeRequestId(bytes: Uint8Array, { a, b, c, d }: RequestId, offset: number): number {
  writeWord(bytes, a, offset);
  writeWord(bytes, b, offset + 4);
  writeWord(bytes, c, offset + 8);
  writeWord(bytes, d, offset + 12);
  return offset + requestIdBytes;
}

/** The time in an id: its first 6 bytes, in milliseconds since 1970 UTC. */
export function timeOf({ a, b }: RequestId): number {
  const high = ((a & 0xff) << 8) | ((a >>> 8) & 0xff);
  const low = ((a << 8) & 0xff000000) | ((a >>> 8) & 0xff0000) | ((b & 0xff) << 8) | ((b >>> 8) & 0xff);
  return high * 2 ** 32 + (low >>> 0);
}

export function isSameId(id: RequestId, other: RequestId): boolean {
  return id.a === other.a && id.b === other.b && id.c === other.c && id.d === other.d;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

function writeWord(bytes: Uint8Array, word: number, at: number): void {
  bytes[at] = word;
  bytes[at + 1] = word >>> 8;
  bytes[at + 2] = word >>> 16;
  bytes[at + 3] = word >>> 24;
}

/**
 * Tabulation hashing (Zobrist 1970; Pătraşcu and Thorup 2012): a random number for each byte at each place. Linear
 * probing takes constant expected time with it, whatever ids a client chooses.
 */
function hashId(bytes: Uint8Array, offset: number): number {
  let hash = 0;
  for (let at = 0; at < requestIdBytes; at++) {
    hash ^= hashNumbers[(at << 8) | (bytes[offset + at] as number)] as number;
  }
  return hash;
}
