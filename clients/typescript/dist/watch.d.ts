import type { Caller } from "./caller.ts";
import type { Watch, WatchMessage, WatchOptions } from "./kv.ts";
import type { Values } from "./values.ts";
/** What a watch asks for beside where it begins. */
export interface WatchRequest {
    readonly keys?: readonly string[];
    readonly prefixes?: readonly string[];
}
/** A watch that goes on where it was interrupted, whatever ended the stream. */
export declare class ResumingWatch<T> implements Watch<T> {
    #private;
    state: Watch<T>["state"];
    resumeRevision: number | undefined;
    constructor(caller: Caller, values: Values<T>, request: WatchRequest, options: WatchOptions);
    [Symbol.asyncIterator](): AsyncIterator<WatchMessage<T>>;
    [Symbol.asyncDispose](): Promise<void>;
}
