import type { Range } from "./kv.ts";
/** The fields of a ListRequest that choose these keys. */
export interface ListRange {
    readonly prefix?: string;
    readonly start?: string;
    readonly end?: string;
}
/** The keys of a range below a prefix. */
export declare function toListRange(scope: string, range: Exclude<Range, {
    key: string;
}>): ListRange;
/**
 * The first string, in the order of UTF-8 bytes, after all that begin with the prefix: its last code point grows by one.
 * Undefined if there is none.
 */
export declare function successor(prefix: string): string | undefined;
