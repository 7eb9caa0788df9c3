import type { DuetError } from "./errors.ts";
import type { Transport } from "./transport.ts";

/** The options of `connect`. */
export interface ConnectOptions {
  /** Where the service is: `http://127.0.0.1:8080`. With several, a call that fails goes to the next. */
  readonly url: string | readonly string[];
  /** Default: the Connect protocol over `fetch`. */
  readonly transport?: Transport;
  /** Put before every key, and taken off again. Default: nothing. */
  readonly prefix?: string;
  /** Returns the token, which calls carry as a bearer token; called again, once, when the service refuses it. */
  readonly credentials?: () => string | Promise<string>;
  /** The time of a call in milliseconds, all tries together. Default: 5000. */
  readonly timeoutMs?: number;
  /** When and how often a failed call is tried again; `false`: one try. */
  readonly retry?: RetryOptions | false;
  /** `false`: a get is always a call of its own. */
  readonly batch?: false;
  /** Called with what the client does by itself. What it throws is an uncaught error, and disturbs no call. */
  readonly onEvent?: (event: ClientEvent) => void;
  /** Ends all calls and watches, as `close` does. */
  readonly signal?: AbortSignal;
}

/** When and how often a failed call is tried again. Pauses vary by chance between half of their length and all of it. */
export interface RetryOptions {
  /** The first pause in milliseconds; each further one is twice as long. Default: 50. */
  readonly baseMs?: number;
  /** The longest pause in milliseconds, unless the service asks for a longer one. Default: 2000. */
  readonly maxMs?: number;
  /** Retries as a share of all calls, so that they do not add to an overload; ten more are in stock. Default: 0.1. */
  readonly budget?: number;
}

/** A call that is tried again after `pauseMs`, or a watch that is about to resume from `resumeRevision`. */
export type ClientEvent =
  | { readonly type: "retry"; readonly method: string; readonly error: DuetError; readonly pauseMs: number }
  | {
      readonly type: "watch-interrupted";
      readonly error: DuetError;
      readonly resumeRevision: number | undefined;
    };
