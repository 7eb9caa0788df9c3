import { MapStore } from "../../src/store/map-store.ts";
import { reserveSlabs } from "../../src/store/memory/slabs.ts";
import type { Store } from "../../src/store/store.ts";
import { TreeStore } from "../../src/store/tree-store.ts";

/** What a test runs with each implementation of `Store`. */
export const stores: readonly (readonly [name: string, createStore: () => Store])[] = [
  ["map", () => new MapStore()],
  ["tree", () => new TreeStore(reserveSlabs(1))],
];

/** Throws when the memory of a store is not as it must be. To be called at the end of a test. */
export function verify(store: Store): void {
  if (store instanceof TreeStore) store.verify();
}
