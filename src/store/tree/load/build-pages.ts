import type { Ref } from "../../memory/slabs.ts";
import { innerCapacity, leafCapacity } from "../page-format.ts";
import type { Pages } from "../pages.ts";

/** The share of a page that is filled, so that a few puts do not split it. */
const fill = 0.9;
const leafFill = Math.floor(leafCapacity * fill);
const innerFill = Math.floor(innerCapacity * fill);

/**
 * Makes the pages of a tree from below. The records, one at least, are in the order of their keys. `onRecord` is called with
 * each, while the processor has it in its cache. Returns the root.
 */
export function buildPages(pages: Pages, records: Int32Array, onRecord: (record: Ref) => void): Ref {
  let children = group(records, leafFill, (items) => {
    const leaf = pages.createLeaf(items);
    for (const record of items) onRecord(record);
    return leaf;
  });
  for (let level = 1; children.length > 1; level++) {
    const inner = level;
    children = group(children, innerFill, (items) => pages.createInner(inner, items));
  }
  return children[0] as Ref;
}

/** Makes a page for each of the fewest groups of up to `itemsMax` items. They are equally large. */
function group(items: Int32Array, itemsMax: number, create: (items: Int32Array) => Ref): Int32Array {
  const groups = Math.ceil(items.length / itemsMax);
  const boundary = (index: number) => Math.floor((index * items.length) / groups);
  return Int32Array.from({ length: groups }, (_, index) =>
    create(items.subarray(boundary(index), boundary(index + 1))),
  );
}
