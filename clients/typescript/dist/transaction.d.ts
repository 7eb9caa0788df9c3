import type { Entry, Txn } from "./kv.ts";
import type { BatchGetResponse } from "./messages.ts";
import { Mutations } from "./mutations.ts";
import type { Values } from "./values.ts";
/** Reads at the revision of the first read, and gathers writes, with a check of everything that was read. */
export declare class Transaction<T> implements Txn<T> {
    #private;
    /** `read` reads a whole key at a revision; 0: now. */
    constructor(values: Values<T>, read: (key: string, atRevision: number) => Promise<BatchGetResponse>);
    /** The entry as it was before the transaction. */
    get(key: string): Promise<Entry<T> | undefined>;
    put(key: string, value: T, options?: {
        readonly ttlMs?: number;
    }): void;
    delete(key: string): void;
    /** What is to be committed; undefined if nothing was written. */
    finish(): Promise<Mutations<T> | undefined>;
}
