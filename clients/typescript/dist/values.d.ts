import type { Change, Codec, Entry, Head } from "./kv.ts";
import type { EntryMessage, EventMessage } from "./messages.ts";
/** Values as the service has them. */
export declare const raw: Codec<string | Uint8Array>;
/** Entries of the contract as those of a program: keys below a prefix, values through a codec. */
export declare class Values<T> {
    #private;
    readonly prefix: string;
    readonly codec: Codec<T>;
    constructor(prefix: string, codec: Codec<T>);
    toKey(key: string): string;
    toHead(entry: EntryMessage): Head;
    /** Throws CodecError. */
    toEntry(entry: EntryMessage): Entry<T>;
    /** Throws CodecError. */
    toChange({ type, entry, previous, expired }: EventMessage): Change<T>;
    /** The fields of a put. Throws CodecError. */
    toPut(key: string, value: T, ttlMs: number | undefined): object;
}
/** As JSON has a Duration. */
export declare function toDuration(ms: number): string;
