import { randomFillSync } from "node:crypto";
import { requestIdBytes, requestTime } from "../transaction-log/codec/request-record.ts";

/** The id of a request, a UUIDv7. The time and the hash are looked up by several times, and computed once. */
export interface RequestId {
  /** 16. */
  readonly bytes: Uint8Array;
  /** Milliseconds since 1970 UTC. */
  readonly time: number;
  readonly hash: number;
}

/** 256 for each byte of an id. Random for each process, so that clients cannot choose ids with equal hashes. */
const hashNumbers = randomFillSync(new Uint32Array(requestIdBytes * 256));

/** Copies the 16 bytes: as a part of a message they would keep all of it in memory while the write waits for the log. */
export function toRequestId(bytes: Uint8Array): RequestId {
  const own = new Uint8Array(requestIdBytes);
  for (let index = 0; index < requestIdBytes; index++) own[index] = bytes[index] as number;
  return { bytes: own, time: requestTime(own), hash: hashId(own) };
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
