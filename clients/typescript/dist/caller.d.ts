import type { ConnectOptions } from "./options.ts";
import type { Transport } from "./transport.ts";
/** What may be set for one call. */
export interface CallOptions {
    /** All tries together. Default: that of the client. */
    readonly timeoutMs?: number | undefined;
    readonly signal?: AbortSignal | undefined;
}
/** Makes calls: chooses the server, brings the credentials, and tries again within the deadline. */
export declare class Caller {
    #private;
    readonly timeoutMs: number;
    /** Aborted when the client is closed. */
    readonly signal: AbortSignal;
    readonly onEvent: NonNullable<ConnectOptions["onEvent"]>;
    constructor(transport: Transport, signal: AbortSignal, options: ConnectOptions);
    /** A call that changes nothing. Rejects with DuetError. */
    read<Response>(method: string, message: object, options?: CallOptions): Promise<Response>;
    /** A call that changes something: its request id makes it happen once, however often it is sent. Rejects with DuetError. */
    write<Response>(method: string, message: object, options?: CallOptions): Promise<Response>;
    /** One try of a stream, which ends when the server ends it, and throws DuetError. */
    stream<Message>(method: string, message: object, signal: AbortSignal): AsyncGenerator<Message, void, undefined>;
    /** The next call goes to the next server. */
    useNextServer(): void;
    /** The pause before the try after so many failures in a row: longer each time, and never the same for all clients. */
    backoffMs(failures: number): number;
    close(): void | Promise<void>;
}
