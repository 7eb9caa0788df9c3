import { randomInt } from "node:crypto";
import type { Records } from "../memory/records.ts";
import { SearchKey } from "../memory/search-key.ts";
import { noRef, type Ref } from "../memory/slabs.ts";

/** The number of slots of a segment; a power of two. */
const slots = 2048;
const slotMask = slots - 1;
const slotBytes = 8;

/** A segment is split when more of its slots are used, */
const usedMax = slots * 0.8;
/** or when an entry would be further from its place than this. It bounds each search. */
const distanceMax = 64;
/** Segments are not split when they have fewer entries on average: their keys have the same hashes. */
const meanMin = 256;

/** A table with open addressing. A slot has two words, the hash and the ref; the ref is 0 in a free slot. */
interface Segment {
  readonly words: Int32Array;
  /** The hashes of all entries share this many high bits. */
  readonly depth: number;
  used: number;
  /** Some entries found no place. What is not found here may still be in the tree. */
  isIncomplete: boolean;
}

/** What a search returns if the record may be in the tree, though it is not in the index. No record has this ref. */
export const unknown = -1;

/**
 * An index from keys to records beside the tree, for the thread that writes: one look where the tree needs one a level.
 *
 * It grows by extendible hashing: the high bits of a hash select a segment, and a full segment is split in two. So growth
 * never takes longer than one segment does.
 */
export class HashIndex {
  readonly #records: Records;
  readonly #seed = randomInt(2 ** 32) | 0;
  /** Segments by the `#depth` high bits of the hash. A segment of less depth is there several times. */
  #directory: Segment[] = [createSegment(0)];
  #depth = 0;
  #segments = 1;
  #size = 0;

  constructor(records: Records) {
    this.#records = records;
  }

  /** The memory of the segments. */
  get bytes(): number {
    return this.#segments * slots * slotBytes;
  }

  hash(key: SearchKey): number {
    return key.hash(this.#seed);
  }

  /** The record of the key, whose hash is `hash`; 0 when there is none; `unknown` when the tree must be searched. */
  find(key: SearchKey, hash: number): Ref {
    const { words, isIncomplete } = this.#segment(hash);
    for (let distance = 0; distance <= distanceMax; distance++) {
      const word = ((hash + distance) & slotMask) << 1;
      const ref = words[word + 1] as Ref;
      if (ref === noRef) break;
      if (words[word] === hash && this.#records.compare(key, ref, 0) === 0) return ref;
    }
    return isIncomplete ? unknown : noRef;
  }

  /** Adds the record of a key that is not in the index. */
  add(hash: number, ref: Ref): void {
    this.#size++;
    for (;;) {
      const segment = this.#segment(hash);
      if (segment.used < usedMax && insert(segment, hash, ref)) return;
      if (2 ** this.#depth * meanMin > this.#size) {
        segment.isIncomplete = true;
        return;
      }
      this.#split(segment, hash);
    }
  }

  /** Replaces the record of a key. */
  replace(hash: number, before: Ref, ref: Ref): void {
    const { words } = this.#segment(hash);
    const word = wordOfRef(words, hash, before);
    if (word >= 0) words[word + 1] = ref;
  }

  /** Removes the record of a key. */
  remove(hash: number, ref: Ref): void {
    this.#size--;
    const segment = this.#segment(hash);
    const { words } = segment;
    let hole = wordOfRef(words, hash, ref);
    if (hole < 0) return;
    segment.used--;
    // Entries after the hole move into it, unless that is before their place.
    for (let word = hole; ; ) {
      word = (word + 2) & (2 * slots - 1);
      if (words[word + 1] === noRef) break;
      const place = ((words[word] as number) & slotMask) << 1;
      const distance = (word - place) & (2 * slots - 1);
      if (distance < ((word - hole) & (2 * slots - 1))) continue;
      words[hole] = words[word] as number;
      words[hole + 1] = words[word + 1] as number;
      hole = word;
    }
    words[hole + 1] = noRef;
  }

  /** Throws unless the index has these records, or says that it may lack them. For tests and debugging. */
  verify(records: Iterable<Ref>): void {
    const key = new SearchKey();
    let size = 0;
    for (const ref of records) {
      size++;
      this.#records.copyKey(ref, key);
      const found = this.find(key, this.hash(key));
      if (found !== ref && found !== unknown) throw new Error(`hash index: record ${ref >>> 0} is missing`);
    }
    if (size !== this.#size) throw new Error(`hash index: ${this.#size} entries, not ${size}`);
    const used = new Set(this.#directory).values().reduce((sum, segment) => sum + segment.used, 0);
    if (used > size) throw new Error(`hash index: ${used} slots are used for ${size} entries`);
  }

  #segment(hash: number): Segment {
    // A shift by 32 bits would be none.
    return this.#directory[this.#depth === 0 ? 0 : hash >>> (32 - this.#depth)] as Segment;
  }

  #split({ words, depth, isIncomplete }: Segment, hash: number): void {
    if (depth === this.#depth) {
      this.#directory = this.#directory.flatMap((segment) => [segment, segment]);
      this.#depth++;
    }
    const halves = [createSegment(depth + 1), createSegment(depth + 1)] as const;
    this.#segments++;
    for (const half of halves) half.isIncomplete = isIncomplete;
    for (let word = 0; word < words.length; word += 2) {
      const ref = words[word + 1] as Ref;
      if (ref === noRef) continue;
      const moved = words[word] as number;
      const half = (moved >>> (31 - depth)) & 1;
      const target = halves[half] as Segment;
      if (!insert(target, moved, ref)) target.isIncomplete = true;
    }
    const span = 2 ** (this.#depth - depth);
    const first = Math.floor((hash >>> 0) / 2 ** (32 - this.#depth) / span) * span;
    this.#directory.fill(halves[0], first, first + span / 2);
    this.#directory.fill(halves[1], first + span / 2, first + span);
  }
}

function createSegment(depth: number): Segment {
  return { words: new Int32Array(2 * slots), depth, used: 0, isIncomplete: false };
}

/** Returns whether there is a free slot near the place of the hash. */
function insert(segment: Segment, hash: number, ref: Ref): boolean {
  const { words } = segment;
  for (let distance = 0; distance <= distanceMax; distance++) {
    const word = ((hash + distance) & slotMask) << 1;
    if (words[word + 1] !== noRef) continue;
    words[word] = hash;
    words[word + 1] = ref;
    segment.used++;
    return true;
  }
  return false;
}

/** The first word of the slot with a ref; -1 when there is none, because the segment is incomplete. */
function wordOfRef(words: Int32Array, hash: number, ref: Ref): number {
  for (let distance = 0; distance <= distanceMax; distance++) {
    const word = ((hash + distance) & slotMask) << 1;
    if (words[word + 1] === ref) return word;
    if (words[word + 1] === noRef) break;
  }
  return -1;
}
