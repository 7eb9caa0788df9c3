import type { DuetError } from "./errors.ts";
import type { Transport } from "./transport.ts";
export interface ConnectOptions {
    /** Where the service is: `http://127.0.0.1:8080`. With several, a call that fails goes to the next. */
    readonly url: string | readonly string[];
    /** Default: the Connect protocol over `fetch`. */
    readonly transport?: Transport;
    /** Put before every key, and taken off again. */
    readonly prefix?: string;
    /** Gives the token; called again, once, when the service refuses it. */
    readonly credentials?: () => string | Promise<string>;
    /** For each call, all tries together. Default: 5000. */
    readonly timeoutMs?: number;
    /** `false`: one try. */
    readonly retry?: RetryOptions | false;
    /** `false`: a get is always a call of its own. */
    readonly batch?: false;
    /** Hears of what the client does by itself. */
    readonly onEvent?: (event: ClientEvent) => void;
    /** Ends all calls and watches. */
    readonly signal?: AbortSignal;
}
export interface RetryOptions {
    /** The first pause; each further one is twice as long. Default: 50. */
    readonly baseMs?: number;
    /** The longest pause. Default: 2000. */
    readonly maxMs?: number;
    /** Retries as a share of all calls, so that they do not add to an overload. Default: 0.1. */
    readonly budget?: number;
}
export type ClientEvent = {
    readonly type: "retry";
    readonly method: string;
    readonly error: DuetError;
    readonly pauseMs: number;
} | {
    readonly type: "watch-interrupted";
    readonly error: DuetError;
    readonly resumeRevision: number | undefined;
};
