/** The array is not compacted before this many items were removed. */
const droppedMin = 16;

/**
 * A first-in, first-out queue with access by index. `Array.shift` takes linear time; `shift` here takes constant time
 * on average.
 */
export class Fifo<Item> {
  #items: (Item | undefined)[];
  /** Index of the oldest item in #items. */
  #head = 0;

  constructor(items: Item[] = []) {
    this.#items = items;
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  /** The item at `index`, where 0 is the oldest; undefined when the index is out of range. */
  at(index: number): Item | undefined {
    return index < 0 ? undefined : this.#items[this.#head + index];
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** Removes and returns the oldest item; returns undefined when the queue is empty. */
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
