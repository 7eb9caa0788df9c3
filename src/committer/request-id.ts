import { randomFillSync } from "node:crypto";
import { requestIdBytes, requestTime } from "../transaction-log/codec/request-record.ts";

/**
 * The id of a request, a UUIDv7. Its time and its hash are used several times, and computed once. It is kept as numbers:
 * an array of bytes takes three times the memory, and a part of the message would keep all of it while the write waits for
 * the log.
 */
export interface RequestId {
  /** Milliseconds since 1970 UTC. */
  readonly time: number;
  readonly hash: number;
  /** The 16 bytes in order, as numbers of 32 bits with a sign, little-endian. */
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

/** 256 for each byte of an id. Random for each process, so that clients cannot choose ids with equal hashes. */
const hashNumbers = randomFillSync(new Uint32Array(requestIdBytes * 256));

const scratch = new Int32Array(requestIdBytes / 4);
const scratchBytes = new Uint8Array(scratch.buffer);

/** `bytes` begins with the 16 bytes of the id. */
export function toRequestId(bytes: Uint8Array): RequestId {
  return {
    time: requestTime(bytes),
    hash: hashId(bytes),
    a: wordAt(bytes, 0),
    b: wordAt(bytes, 4),
    c: wordAt(bytes, 8),
    d: wordAt(bytes, 12),
  };
}

/** The 16 bytes, valid until the next call. Needs a little-endian machine, as the words are. */
export function idBytesOf({ a, b, c, d }: RequestId): Uint8Array {
  scratch[0] = a;
  scratch[1] = b;
  scratch[2] = c;
  scratch[3] = d;
  return scratchBytes;
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

/**
 * Tabulation hashing (Zobrist 1970; Pătraşcu and Thorup 2012) of an id, or of the one at the start of a record: a random
 * number for each byte at each place. Linear probing takes constant expected time with it, whatever ids a client
 * chooses.
 */
export function hashId(id: Uint8Array): number {
  let hash = 0;
  for (let at = 0; at < requestIdBytes; at++) {
    hash ^= hashNumbers[(at << 8) | (id[at] as number)] as number;
  }
  return hash >>> 0;
}
