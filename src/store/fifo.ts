/** From this many dropped items on, the array is cut when they are more than half of it. */
const droppedMin = 16;

/** A queue in an array, with access by position. Dropping from the front of the array one by one would be slow. */
export class Fifo<Item> {
  #items: (Item | undefined)[];
  /** Where the queue begins in #items. */
  #head = 0;

  constructor(items: Item[] = []) {
    this.#items = items;
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  /** `index` counts from the oldest item, 0; undefined when there is none. */
  at(index: number): Item | undefined {
    return index < 0 ? undefined : this.#items[this.#head + index];
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** Removes the oldest item and returns it; undefined when there is none. */
  shift(): Item | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head >= droppedMin && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
