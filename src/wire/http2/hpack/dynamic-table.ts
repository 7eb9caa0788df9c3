import type { HeaderField } from "./header-field.ts";

const initialCapacity = 64;

/** The decoder's dynamic table (RFC 7541, sections 2.3.2 and 4): a ring in which the newest entry is at `#newest`. */
export class DynamicTable {
  #ring: (HeaderField | undefined)[] = emptyRing(initialCapacity);
  #newest = 0;
  #count = 0;
  #bytes = 0;
  #bytesMax: number;
  #version = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Changes whenever an index may mean another entry than before. */
  get version(): number {
    return this.#version;
  }

  /** The entry that was added `age` insertions before the newest, or undefined. */
  get(age: number): HeaderField | undefined {
    return age < this.#count ? this.#ring[(this.#newest - age) & (this.#ring.length - 1)] : undefined;
  }

  /** An entry that is larger than the table empties it. */
  insert(field: HeaderField): void {
    this.#version++;
    this.#evictUntilFits(field.size);
    if (field.size > this.#bytesMax) return;
    if (this.#count === this.#ring.length) this.#grow();
    this.#newest = (this.#newest + 1) & (this.#ring.length - 1);
    this.#ring[this.#newest] = field;
    this.#count++;
    this.#bytes += field.size;
  }

  resize(bytesMax: number): void {
    this.#version++;
    this.#bytesMax = bytesMax;
    this.#evictUntilFits(0);
  }

  #evictUntilFits(bytes: number): void {
    while (this.#count > 0 && this.#bytes + bytes > this.#bytesMax) {
      const oldest = (this.#newest - this.#count + 1) & (this.#ring.length - 1);
      this.#bytes -= (this.#ring[oldest] as HeaderField).size;
      this.#ring[oldest] = undefined;
      this.#count--;
    }
  }

  #grow(): void {
    const entries = Array.from({ length: this.#count }, (_, position) =>
      this.get(this.#count - 1 - position),
    );
    this.#ring = [...entries, ...emptyRing(entries.length)];
    this.#newest = entries.length - 1;
  }
}

function emptyRing(length: number): undefined[] {
  return Array.from({ length }, () => undefined);
}
