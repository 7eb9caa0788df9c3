import type { Stream } from "./stream.ts";

/** A power of two. */
const initialCapacity = 16;

/**
 * The open streams of a connection by identifier. The newest stays outside the table, since most calls end before the
 * next begins. The table is two arrays with linear probing, and overwrites what it removes: a Map leaves its old tables,
 * with the streams that were in them, to the collector of the whole heap.
 */
export class StreamTable {
  #newest: Stream | undefined = undefined;
  /** 0: the place is free. */
  #ids = new Uint32Array(initialCapacity);
  #streams: (Stream | undefined)[] = emptyPlaces(initialCapacity);
  #inTable = 0;

  get size(): number {
    return this.#inTable + (this.#newest === undefined ? 0 : 1);
  }

  get(id: number): Stream | undefined {
    const newest = this.#newest;
    if (newest !== undefined && newest.id === id) return newest;
    return this.#streams[this.#find(id)];
  }

  add(stream: Stream): void {
    const previous = this.#newest;
    this.#newest = stream;
    if (previous === undefined) return;
    if (this.#inTable >= this.#ids.length / 2) this.#grow();
    this.#put(previous);
  }

  remove(stream: Stream): void {
    if (this.#newest === stream) this.#newest = undefined;
    else this.#removeFromTable(stream.id);
  }

  /** The streams that are open at the call; those that close meanwhile are among them. */
  all(): Stream[] {
    const streams = this.#streams.filter((stream) => stream !== undefined);
    if (this.#newest !== undefined) streams.push(this.#newest);
    return streams;
  }

  #removeFromTable(id: number): void {
    let free = this.#find(id);
    if (this.#ids[free] !== id) return;
    const mask = this.#ids.length - 1;
    // Streams behind it that would no longer be found move up.
    for (let place = (free + 1) & mask; this.#ids[place] !== 0; place = (place + 1) & mask) {
      const home = this.#home(this.#ids[place] as number);
      if (((place - home) & mask) < ((place - free) & mask)) continue;
      this.#ids[free] = this.#ids[place] as number;
      this.#streams[free] = this.#streams[place];
      free = place;
    }
    this.#ids[free] = 0;
    this.#streams[free] = undefined;
    this.#inTable--;
  }

  #put(stream: Stream): void {
    const place = this.#find(stream.id);
    this.#ids[place] = stream.id;
    this.#streams[place] = stream;
    this.#inTable++;
  }

  /** The place of this identifier, or the free one where it would be put. */
  #find(id: number): number {
    const mask = this.#ids.length - 1;
    let place = this.#home(id);
    while (this.#ids[place] !== id && this.#ids[place] !== 0) place = (place + 1) & mask;
    return place;
  }

  /** Clients number their streams 1, 3, 5 … */
  #home(id: number): number {
    return (id >>> 1) & (this.#ids.length - 1);
  }

  #grow(): void {
    const streams = this.#streams;
    this.#ids = new Uint32Array(streams.length * 2);
    this.#streams = emptyPlaces(streams.length * 2);
    this.#inTable = 0;
    for (const stream of streams) if (stream !== undefined) this.#put(stream);
  }
}

function emptyPlaces(count: number): undefined[] {
  return Array.from({ length: count }, () => undefined);
}
