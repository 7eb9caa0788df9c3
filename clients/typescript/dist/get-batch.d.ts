import type { Caller } from "./caller.ts";
import type { EntryMessage } from "./messages.ts";
/** Gathers the gets of one microtask that are alike into one call. Each settles by itself. */
export declare class GetBatch {
    #private;
    constructor(caller: Caller);
    /** Resolves with the entry of a whole key. `read` is what else the request has. */
    get(key: string, read: object): Promise<EntryMessage | undefined>;
}
/** Resolves with undefined if there is no such key. */
export declare function readOne(caller: Caller, key: string, read: object, options?: {
    timeoutMs?: number | undefined;
    signal?: AbortSignal | undefined;
}): Promise<EntryMessage | undefined>;
