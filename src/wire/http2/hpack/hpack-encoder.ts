import type { IndexedField } from "../response-headers.ts";
import { encodeInteger, representations } from "./literals.ts";
import { staticTable } from "./static-table.ts";

/** What we use of the peer's table at most, and what a peer has that has not said otherwise (RFC 9113, section 6.5.2). */
const tableBytesMax = 4096;

/**
 * Our side of the peer's dynamic table (RFC 7541, sections 4 and 6). Response fields that recur are added to it once and
 * are one byte from then on. Nothing is ever evicted: when the table is full, further fields are sent as literals.
 */
export class HpackEncoder {
  /** By the id of an indexed field: its ordinal among the insertions, from 1; 0 or undefined: not in the table. */
  #ordinals: number[] = [];
  #inserted = 0;
  #bytes = 0;
  #bytesMax = tableBytesMax;
  #mustAnnounceSize = false;

  /** Bytes that the next block needs beyond its fields. */
  static readonly prefixBytesMax = 5;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE, applied from the next block on. */
  setTableSize(bytes: number): void {
    const bytesMax = Math.min(bytes, tableBytesMax);
    if (bytesMax === this.#bytesMax) return;
    this.#bytesMax = bytesMax;
    this.#mustAnnounceSize = true;
    this.#ordinals = [];
    this.#inserted = 0;
    this.#bytes = 0;
  }

  /** Writes the table size updates that are due. Must come before the first field of each block. */
  begin(out: Buffer, start: number): number {
    if (!this.#mustAnnounceSize) return start;
    this.#mustAnnounceSize = false;
    // The smallest size in between comes first (section 4.2). Zero is always right, and empties the table.
    out[start] = representations.tableSize;
    return start + 1 + encodeInteger(this.#bytesMax, 5, representations.tableSize).copy(out, start + 1);
  }

  /** Writes one field, at most `field.bytesMax` bytes. Returns where it ends. */
  write(out: Buffer, start: number, field: IndexedField): number {
    const { staticIndex } = field;
    if (staticIndex !== 0) {
      out[start] = representations.indexed | staticIndex;
      return start + 1;
    }
    const ordinal = this.#ordinals[field.id];
    if (ordinal !== undefined && ordinal !== 0) {
      // The table holds at most 128 entries of 32 bytes or more, so that an index can need a second byte.
      const index = staticTable.length + 1 + this.#inserted - ordinal;
      if (index < 0x7f) {
        out[start] = representations.indexed | index;
        return start + 1;
      }
      return start + encodeInteger(index, 7, representations.indexed).copy(out, start);
    }
    let bytes = field.literal;
    if (this.#bytes + field.tableBytes <= this.#bytesMax) {
      this.#bytes += field.tableBytes;
      while (this.#ordinals.length <= field.id) this.#ordinals.push(0);
      this.#ordinals[field.id] = ++this.#inserted;
      bytes = field.incrementalLiteral;
    }
    out.set(bytes, start);
    return start + bytes.length;
  }
}
