/** Items of many owners, which take turns: one with many items does not delay those of the others. */
export class FairQueue<Owner, Item> {
  /** The owner whose turn is next comes first. None has an empty list. */
  readonly #items = new Map<Owner, Item[]>();

  /** How many items of `owner` wait. */
  countOf(owner: Owner): number {
    return this.#items.get(owner)?.length ?? 0;
  }

  add(owner: Owner, item: Item): void {
    const items = this.#items.get(owner);
    if (items === undefined) this.#items.set(owner, [item]);
    else items.push(item);
  }

  /** Takes the oldest item of the owner whose turn it is; undefined when nothing waits. */
  take(): Item | undefined {
    for (const [owner, items] of this.#items) {
      const item = items.shift();
      this.#items.delete(owner);
      if (items.length > 0) this.#items.set(owner, items);
      return item;
    }
    return undefined;
  }
}
