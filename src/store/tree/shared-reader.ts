import { Records } from "../memory/records.ts";
import { Slabs } from "../memory/slabs.ts";
import { loadState, pinWord, versionWord } from "./control.ts";
import { Search } from "./search.ts";
import { TreeView } from "./tree-view.ts";

/** What another thread needs to read the tree. It can be sent in a message. */
export interface SharedTree {
  readonly control: SharedArrayBuffer;
  readonly slabs: readonly SharedArrayBuffer[];
}

/** Reads the tree in a thread that does not write it. One object for each pin; a pin has one user at a time. */
export class SharedReader {
  readonly #control: Int32Array;
  readonly #pin: number;
  readonly #slabs: Slabs;
  readonly #records: Records;
  readonly #search: Search;

  /** `pin` is a number from 0 to `readersMax - 1`. */
  constructor({ control, slabs }: SharedTree, pin: number) {
    this.#control = new Int32Array(control);
    this.#pin = pinWord(pin);
    this.#slabs = new Slabs(slabs);
    this.#records = new Records(this.#slabs);
    this.#search = new Search(this.#slabs, this.#records);
  }

  /**
   * Calls `use` with the published state, which stays as it is until `use` returns. The view must not be used afterwards.
   * Keep it short: memory that is retired meanwhile cannot be reused.
   */
  read<Result>(use: (view: TreeView) => Result): Result {
    const state = this.#enter();
    try {
      return use(new TreeView(this.#slabs, this.#records, this.#search, state, () => true));
    } finally {
      Atomics.store(this.#control, this.#pin, 0);
    }
  }

  #enter() {
    for (;;) {
      const version = Atomics.load(this.#control, versionWord);
      Atomics.store(this.#control, this.#pin, version);
      const state = loadState(this.#control, version);
      // A version that was published meanwhile may have freed what this one reaches, before it saw the pin.
      if (Atomics.load(this.#control, versionWord) === version) return state;
    }
  }
}
