/**
 * The client of Duet KV on `fetch`: for browsers, Node, Deno and Bun. No dependencies.
 *
 * @module
 */
export { connect } from "./connect.ts";
export { CodecError, ConflictError, DuetError, type ErrorDetails, ForbiddenError, HistoryGoneError, LimitError, type Outcome, TimeoutError, UnauthenticatedError, UnavailableError, UnknownOutcomeError, } from "./errors.ts";
export type * from "./kv.ts";
export type { ClientEvent, ConnectOptions, RetryOptions } from "./options.ts";
export type { Transport, TransportCall } from "./transport.ts";
