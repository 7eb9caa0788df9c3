import type { Caller, CallOptions } from "./caller.ts";
import { type GetBatch } from "./get-batch.ts";
import type * as kv from "./kv.ts";
import { Values } from "./values.ts";
/** The keys below a prefix. */
export declare class Keyspace<T> implements kv.Kv<T> {
    #private;
    protected readonly caller: Caller;
    constructor(caller: Caller, batch: GetBatch | undefined, values: Values<T>);
    get(key: string, options?: kv.Read): Promise<kv.Entry<T> | undefined>;
    getMany(keys: readonly string[], options?: kv.Read): Promise<{
        revision: number;
        entries: Map<string, kv.Entry<T>>;
    }>;
    list(range?: kv.Range, options?: kv.List): AsyncGenerator<kv.Entry<T>, void, undefined>;
    keys(range?: kv.Range, options?: kv.List): AsyncGenerator<string, void, undefined>;
    count(range?: kv.Range, options?: kv.Read): Promise<number>;
    dirs(prefix?: string, options?: kv.List): AsyncGenerator<string, void, undefined>;
    put(key: string, value: T, options?: kv.Put): Promise<kv.Head>;
    create(key: string, value: T, options?: kv.Put): Promise<kv.Head>;
    replace(seen: kv.Head, value: T, options?: kv.Put): Promise<kv.Head>;
    update(key: string, change: (entry: kv.Entry<T> | undefined) => T | undefined | Promise<T | undefined>, options?: kv.Put): Promise<kv.Head | undefined>;
    touch(key: string, options?: kv.Put): Promise<kv.Head | undefined>;
    delete(key: string, options?: kv.Write): Promise<boolean>;
    commit(build: (batch: kv.Batch<T>) => void, options?: CallOptions): Promise<kv.CommitResult>;
    transact<R>(body: (transaction: kv.Txn<T>) => Promise<R>, options?: CallOptions): Promise<R>;
    watch(target?: kv.Target, options?: kv.WatchOptions): kv.Watch<T>;
    history(key: string, options?: CallOptions): AsyncGenerator<kv.Change<T>, void, undefined>;
    scope(prefix: string): kv.Kv<T>;
    scope<U>(prefix: string, codec: kv.Codec<U>): kv.Kv<U>;
}
