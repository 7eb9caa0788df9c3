import type { Model } from "../support/linearizability.ts";

/** A call with its response; undefined in place of it: there was none. All values that are written are different. */
export type StoreOperation =
  | { readonly kind: "get"; readonly found: ReadonlyMap<string, string | undefined> }
  | { readonly kind: "put"; readonly writes: ReadonlyMap<string, string> }
  | { readonly kind: "delete"; readonly key: string; readonly deleted: boolean | undefined }
  /** A put on the condition that the key has the value `from`; undefined: that it is missing. */
  | {
      readonly kind: "swap";
      readonly key: string;
      readonly from: string | undefined;
      readonly to: string;
      readonly swapped: boolean | undefined;
    };

/** The values of all keys. */
type StoreState = ReadonlyMap<string, string>;

/** What the store does, without revisions. */
export const storeModel: Model<StoreState, StoreOperation> = {
  start: new Map(),
  apply(state, operation) {
    switch (operation.kind) {
      case "get":
        return [...operation.found].every(([key, value]) => state.get(key) === value) ? state : undefined;
      case "put":
        return new Map([...state, ...operation.writes]);
      case "delete": {
        const { key, deleted } = operation;
        if (deleted !== undefined && deleted !== state.has(key)) return undefined;
        return new Map([...state].filter(([each]) => each !== key));
      }
      case "swap": {
        const { key, from, to, swapped } = operation;
        const isMatch = state.get(key) === from;
        if (swapped !== undefined && swapped !== isMatch) return undefined;
        return isMatch ? new Map([...state, [key, to]]) : state;
      }
    }
  },
  keyOf: (state) => JSON.stringify([...state].map((entry) => entry.join("=")).toSorted()),
};
