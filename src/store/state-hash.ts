import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Entry } from "./entry.ts";
import { prefixRange } from "./key-range.ts";
import type { Snapshot } from "./snapshot.ts";

/** How many entries are hashed before others get their turn. */
const sliceLength = 200;

export interface StateHash {
  readonly revision: number;
  /** SHA-256 of all entries in key order, in hexadecimal. */
  readonly hash: string;
}

/** Stores at the same revision have the same hash exactly if they hold the same. The store may change meanwhile. */
export async function hashState(store: { snapshot(): Snapshot }): Promise<StateHash> {
  const snapshot = store.snapshot();
  try {
    const hash = createHash("sha256");
    let count = 0;
    for (const entry of snapshot.scan(prefixRange(""))) {
      hash.update(describeEntry(entry)).update(entry.value);
      if (++count % sliceLength === 0) await nextTurn();
    }
    return { revision: snapshot.revision, hash: hash.digest("hex") };
  } finally {
    snapshot.release();
  }
}

/** All but the bytes of the value, which come right behind. */
function describeEntry({ key, value, ...rest }: Entry): string {
  const { revision, createRevision, version, updateTime, expireTime } = rest;
  const bytes = Buffer.byteLength(value);
  return JSON.stringify([
    key,
    typeof value,
    bytes,
    revision,
    createRevision,
    version,
    updateTime,
    expireTime,
  ]);
}
