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
  /** The 16 bytes in order, as numbers of 32 bits with a sign. */
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

/** 256 for each byte of an id. Random for each process, so that clients cannot choose ids with equal hashes. */
const hashNumbers = randomFillSync(new Uint32Array(requestIdBytes * 256));

const scratch = Buffer.alloc(requestIdBytes);

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

/** The 16 bytes, valid until the next call. */
export function idBytesOf({ a, b, c, d }: RequestId): Uint8Array {
  scratch.writeInt32BE(a, 0);
  scratch.writeInt32BE(b, 4);
  scratch.writeInt32BE(c, 8);
  scratch.writeInt32BE(d, 12);
  return scratch;
}

function wordAt(bytes: Uint8Array, at: number): number {
  let word = 0;
  for (let index = at; index < at + 4; index++) word = (word << 8) | (bytes[index] as number);
  return word;
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
