import type { Slabs } from "../../memory/slabs.ts";
import type { TreeState } from "../control.ts";

/** What an image says of a tree, beside the content of its blocks. */
export interface ImageState {
  readonly state: TreeState;
  /** The version of the tree. */
  readonly version: number;
  /** The class of each block. */
  readonly table: Uint8Array;
}

/** A pinned version of a tree. What its root reaches does not change while it is read. */
export interface ImageSource extends ImageState {
  readonly slabs: Slabs;
  /** Throws when the pin was ended. */
  readonly check: () => void;
  readonly release: () => void;
}
