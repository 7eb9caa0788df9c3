import { blockBytes, type Ref, unitBytes } from "./slabs.ts";

const unitsPerByte = 8;

/** A set of slots: a bit for each unit of the blocks. */
export class SlotSet {
  readonly #bits: Uint8Array;

  constructor(blocks: number) {
    this.#bits = new Uint8Array((blocks * blockBytes) / unitBytes / unitsPerByte);
  }

  has(ref: Ref): boolean {
    return ((this.#bits[ref >>> 3] as number) & (1 << (ref & 7))) !== 0;
  }

  /** Throws Error when the slot is in the set, or not in its blocks. */
  add(ref: Ref): void {
    const byte = ref >>> 3;
    if (byte >= this.#bits.length || this.has(ref)) throw new Error(`slot ${ref >>> 0} is reached twice`);
    this.#bits[byte] = (this.#bits[byte] as number) | (1 << (ref & 7));
  }
}
