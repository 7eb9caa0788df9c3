/**
 * The words that all threads read and write with atomic operations; everything else is written before it is published.
 *
 *     word 0        the low 32 bits of the published version
 *     words 16–31   the state of a version whose second bit is 0
 *     words 32–47   the state of a version whose second bit is 1
 *     word 48 + 16 i   pin i: the version that a reader holds; 0: none
 *
 * Versions are odd, so none is 0, and two versions that follow each other have different places for their states.
 */
export const versionWord = 0;
export const versionStep = 2;
export const firstVersion = 1;

/** Words that different threads write are at least 64 bytes apart, so that they are not in one cache line. */
const lineWords = 16;
const firstPinWord = 3 * lineWords;

export const readersMax = 64;

const controlWords = firstPinWord + readersMax * lineWords;

/** One published state of the tree. */
export interface TreeState {
  /** The ref of the root page; 0 for an empty tree. */
  readonly root: number;
  /** The number of entries. */
  readonly size: number;
  readonly revision: number;
  /** Time of the last transaction, in milliseconds since 1970 UTC. */
  readonly time: number;
}

export const emptyState: TreeState = { root: 0, size: 0, revision: 0, time: 0 };

export function createControl(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(controlWords * Int32Array.BYTES_PER_ELEMENT));
}

/** The word of a reader's pin. */
export function pinWord(reader: number): number {
  if (!(reader >= 0 && reader < readersMax)) throw new RangeError(`reader ${reader} of ${readersMax}`);
  return firstPinWord + reader * lineWords;
}

export function storeState(control: Int32Array, version: number, state: TreeState): void {
  const word = stateWord(version);
  Atomics.store(control, word, state.root);
  Atomics.store(control, word + 1, state.size);
  Atomics.store(control, word + 2, state.revision | 0);
  Atomics.store(control, word + 3, Math.floor(state.revision / 2 ** 32));
  Atomics.store(control, word + 4, state.time | 0);
  Atomics.store(control, word + 5, Math.floor(state.time / 2 ** 32));
}

export function loadState(control: Int32Array, version: number): TreeState {
  const word = stateWord(version);
  const at = (index: number) => Atomics.load(control, word + index);
  return {
    root: at(0),
    size: at(1),
    revision: at(3) * 2 ** 32 + (at(2) >>> 0),
    time: at(5) * 2 ** 32 + (at(4) >>> 0),
  };
}

function stateWord(version: number): number {
  return (version & versionStep) === 0 ? lineWords : 2 * lineWords;
}
