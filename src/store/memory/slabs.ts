/**
 * Memory outside the JavaScript heap. The garbage collector does not walk it, and threads can share it.
 *
 *     slab    64 MiB; a SharedArrayBuffer of fixed length
 *     block   64 KiB; a slab has 1,024
 *     unit    8 bytes; everything begins at a unit
 *
 * A `Ref` is the number of a unit, counted through all slabs. It has 32 bits and may be negative as a JavaScript number;
 * so slabs hold up to 32 GiB. The unit 0 is never used: 0 means "no ref".
 *
 * Slabs that other threads read are reserved at once (`reserveSlabs`), because they cannot be told of new ones in time. If one
 * thread uses them alone, each is reserved when it is needed (`growingSlabs`). The operating system gives memory to a slab
 * only where it is written. Buffers that can grow would make each access six times as slow.
 */
export type Ref = number;

export const noRef: Ref = 0;

export const unitBytes = 8;
export const blockBytes = 64 * 1024;
export const blocksPerSlab = 1024;
export const slabBytes = blocksPerSlab * blockBytes;
export const slabsMax = 512;

/** The share that is kept of the slabs that the operating system gave before it refused. */
const keptShare = 0.75;

const slabUnitBits = 23;
const blockUnitBits = 13;
const unitMask = 2 ** slabUnitBits - 1;

/** The number of the slab that a ref points into. */
export function slabOf(ref: Ref): number {
  return ref >>> slabUnitBits;
}

/** The index of a ref's first 32-bit word in the words of its slab. */
export function wordOf(ref: Ref): number {
  return (ref & unitMask) << 1;
}

/** The number of the block that a ref points into, counted through all slabs. */
export function blockOf(ref: Ref): number {
  return ref >>> blockUnitBits;
}

/** The ref of the unit at a distance of `units` from the beginning of a block. */
export function refIn(block: number, units: number): Ref {
  return ((block << blockUnitBits) + units) | 0;
}

/** The slabs of a store, each as words and as bytes. */
export class Slabs {
  readonly #buffers: SharedArrayBuffer[] = [];
  readonly #words: Int32Array[] = [];
  readonly #bytes: Buffer[] = [];
  readonly #reserve: Reserve;
  #countMax: number;

  /** There may be up to `countMax` slabs; `reserve` makes more of them. */
  constructor(
    buffers: readonly SharedArrayBuffer[],
    countMax = buffers.length,
    reserve: Reserve = reserveBuffer,
  ) {
    this.#countMax = countMax;
    this.#reserve = reserve;
    for (const buffer of buffers) this.#add(buffer);
  }

  /** What another thread needs to make its own `Slabs` over the same memory. */
  get buffers(): readonly SharedArrayBuffer[] {
    return this.#buffers;
  }

  /** The reserved memory. It may be less than was asked for; see `reserveSlabs`. */
  get bytes(): number {
    return this.#buffers.length * slabBytes;
  }

  /** What `bytes` may become. It shrinks when the operating system refuses more. */
  get bytesMax(): number {
    return this.#countMax * slabBytes;
  }

  get blocks(): number {
    return this.#buffers.length * blocksPerSlab;
  }

  /** What `blocks` may become. It shrinks when the operating system refuses more. */
  get blocksMax(): number {
    return this.#countMax * blocksPerSlab;
  }

  /** Reserves one more slab. Returns false when there are as many as there may be, or the operating system refuses. */
  grow(): boolean {
    if (this.#buffers.length === this.#countMax) return false;
    try {
      this.#add(this.#reserve(slabBytes));
      return true;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      // Not asked for again: before V8 gives up, it collects all garbage, which takes long.
      this.#countMax = this.#buffers.length;
      return false;
    }
  }

  /** The words of the slab that the ref points into. */
  wordsOf(ref: Ref): Int32Array {
    return this.#words[ref >>> slabUnitBits] as Int32Array;
  }

  /** The bytes of the slab that the ref points into. */
  bytesOf(ref: Ref): Buffer {
    return this.#bytes[ref >>> slabUnitBits] as Buffer;
  }

  /** Copies `bytes`, a multiple of 4, from one ref to another. */
  copy(from: Ref, to: Ref, bytes: number): void {
    const start = wordOf(from);
    const end = start + (bytes >>> 2);
    if (slabOf(from) === slabOf(to)) this.wordsOf(to).copyWithin(wordOf(to), start, end);
    else this.wordsOf(to).set(this.wordsOf(from).subarray(start, end), wordOf(to));
  }

  #add(buffer: SharedArrayBuffer): void {
    this.#buffers.push(buffer);
    this.#words.push(new Int32Array(buffer));
    this.#bytes.push(Buffer.from(buffer));
  }
}

/** Returns a shared buffer of so many bytes, or throws a RangeError. */
type Reserve = (bytes: number) => SharedArrayBuffer;

function reserveBuffer(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(bytes);
}

export interface Reservation {
  /** The number of slabs to be content with when the operating system refuses; by default all. */
  readonly slabsMin?: number;
  readonly reserve?: Reserve;
}

/**
 * Reserves `count` slabs. With strict overcommit the operating system may refuse. Then the result has three quarters of the
 * slabs that the system gave, so that some of them is left for the rest of the process; see `Slabs.bytes`. Throws when that
 * is less than `slabsMin`.
 */
export function reserveSlabs(
  count: number,
  { slabsMin = count, reserve = reserveBuffer }: Reservation = {},
): Slabs {
  if (count < 1 || count > slabsMax) throw new RangeError(`a store has 1 to ${slabsMax} slabs, not ${count}`);
  const buffers: SharedArrayBuffer[] = [];
  try {
    while (buffers.length < count) buffers.push(reserve(slabBytes));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const given = buffers.length;
    buffers.length = Math.floor(given * keptShare);
    if (buffers.length === 0 || buffers.length < slabsMin) {
      throw new Error(
        `cannot reserve ${toMiB(count)} of address space for the store: the operating system gave ${toMiB(given)}. ` +
          "Lower the limit of the store's bytes, or let the system overcommit memory (vm.overcommit_memory = 0)",
        { cause: error },
      );
    }
  }
  return new Slabs(buffers);
}

/** One slab, and up to `countMax` when they are needed. Other threads cannot read them. Throws as `reserveSlabs`. */
export function growingSlabs(countMax: number, reserve: Reserve = reserveBuffer): Slabs {
  const { buffers } = reserveSlabs(1, { reserve });
  return new Slabs(buffers, countMax, reserve);
}

function toMiB(slabs: number): string {
  return `${(slabs * slabBytes) / 2 ** 20} MiB`;
}
