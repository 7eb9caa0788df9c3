import type { Batch, Check } from "./kv.ts";
import type { PreconditionMessage } from "./messages.ts";
import type { Values } from "./values.ts";
interface CheckMessage {
    readonly key: string;
    readonly precondition: PreconditionMessage;
}
/** The checks and mutations of a commit. */
export declare class Mutations<T> implements Batch<T> {
    #private;
    readonly checks: CheckMessage[];
    readonly changes: object[];
    constructor(values: Values<T>);
    check(check: Check): this;
    put(key: string, value: T, options?: {
        readonly ttlMs?: number;
    }): this;
    delete(key: string): this;
}
export {};
