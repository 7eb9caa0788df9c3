import type { ServerHttp2Session } from "node:http2";

/** Must be a power of two. */
const capacityMin = 64;

/**
 * The streams of a session by their numbers: a Map that keeps them in two arrays, by linear probing, and overwrites what it
 * deletes.
 *
 * A Map of V8's makes a new table after as many additions as it has room for, and leaves the old one as it is. Once the
 * table of a connection has grown old, so do all after it, and each keeps the streams that it had when it was left, with
 * all that belongs to them, through every scavenge until the next collection of the whole heap.
 */
export class StreamTable<Stream> extends Map<number, Stream> {
  /** 0: the place is free. */
  #numbers = new Uint32Array(capacityMin);
  #streams = places<Stream>(capacityMin);
  #size = 0;

  override get size(): number {
    return this.#size;
  }

  override get(number: number): Stream | undefined {
    return this.#streams[this.#find(number)];
  }

  override has(number: number): boolean {
    return this.#numbers[this.#find(number)] === number;
  }

  override set(number: number, stream: Stream): this {
    let place = this.#find(number);
    if (this.#numbers[place] !== number) {
      if (this.#size >= this.#numbers.length / 2) {
        this.#grow();
        place = this.#find(number);
      }
      this.#numbers[place] = number;
      this.#size++;
    }
    this.#streams[place] = stream;
    return this;
  }

  override delete(number: number): boolean {
    let free = this.#find(number);
    if (this.#numbers[free] !== number) return false;
    const mask = this.#numbers.length - 1;
    // Those behind it that would no longer be found move up.
    for (let place = (free + 1) & mask; this.#numbers[place] !== 0; place = (place + 1) & mask) {
      const home = this.#home(this.#numbers[place] as number);
      if (((place - home) & mask) < ((place - free) & mask)) continue;
      this.#numbers[free] = this.#numbers[place] as number;
      this.#streams[free] = this.#streams[place];
      free = place;
    }
    this.#numbers[free] = 0;
    this.#streams[free] = undefined;
    this.#size--;
    return true;
  }

  override clear(): void {
    this.#numbers.fill(0);
    this.#streams.fill(undefined);
    this.#size = 0;
  }

  /** As they are at the call, in no order. */
  override *entries(): MapIterator<[number, Stream]> {
    const numbers = [...this.#numbers];
    const streams = [...this.#streams];
    for (const [place, number] of numbers.entries()) {
      if (number !== 0) yield [number, streams[place] as Stream];
    }
  }

  override [Symbol.iterator](): MapIterator<[number, Stream]> {
    return this.entries();
  }

  override *keys(): MapIterator<number> {
    for (const [number] of this.entries()) yield number;
  }

  override *values(): MapIterator<Stream> {
    for (const [, stream] of this.entries()) yield stream;
  }

  override forEach(callback: (stream: Stream, number: number, map: Map<number, Stream>) => void): void {
    for (const [number, stream] of this.entries()) callback(stream, number, this);
  }

  /** Where it is, or where it would be put. */
  #find(number: number): number {
    const mask = this.#numbers.length - 1;
    let place = this.#home(number);
    while (this.#numbers[place] !== number && this.#numbers[place] !== 0) place = (place + 1) & mask;
    return place;
  }

  /** Clients number their streams 1, 3, 5. */
  #home(number: number): number {
    return (number >>> 1) & (this.#numbers.length - 1);
  }

  #grow(): void {
    const entries = [...this.entries()];
    const { length } = this.#numbers;
    // What is left behind must hold nothing.
    this.clear();
    this.#numbers = new Uint32Array(2 * length);
    this.#streams = places(2 * length);
    for (const [number, stream] of entries) this.set(number, stream);
  }
}

function places<Stream>(count: number): (Stream | undefined)[] {
  return Array.from({ length: count }, () => undefined);
}

/**
 * Gives a session that has no streams yet such a table. Node has no way to say so: this looks for the Map where it is in
 * Node 24, and where it is not, leaves everything as it is and returns false.
 */
export function replaceStreamTable(session: ServerHttp2Session): boolean {
  const symbol = Object.getOwnPropertySymbols(session).find(({ description }) => description === "state");
  const state = symbol && (session as unknown as Record<symbol, { streams?: Map<number, unknown> }>)[symbol];
  // It is no Map by `instanceof`: Node protects its own.
  if (state?.streams?.size !== 0) return false;
  state.streams = new StreamTable();
  return true;
}
