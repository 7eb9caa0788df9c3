import type { Entry } from "./entry.ts";
import { Demand } from "./memory/demand.ts";
import type { Room } from "./store.ts";
import { recordBytesOf } from "./tree/entry-bytes.ts";
import type { Tree } from "./tree/tree.ts";

/** The memory of a tree for one batch. What it lets pass is sure to find its memory. */
export class TreeRoom implements Room {
  readonly #tree: Tree;
  readonly #taken = new Demand();
  readonly #operation = new Demand();

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  take(entries: readonly (Entry | undefined)[]): string | undefined {
    const operation = this.#operation;
    operation.clear();
    for (const entry of entries) {
      if (entry === undefined) operation.remove();
      else operation.put(recordBytesOf(entry));
    }
    if (!this.#tree.fits(operation, this.#taken)) {
      const { reservedBytesMax, usedBytes } = this.#tree.usage;
      return `it uses ${usedBytes} of ${reservedBytesMax} bytes of memory, and may not find room for this write in the rest`;
    }
    this.#taken.add(operation);
    return undefined;
  }
}
