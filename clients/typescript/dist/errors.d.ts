/** Whether a call that failed may have changed something. */
export type Outcome = "nothing" | "unknown";
export interface ErrorDetails {
    /** The code of gRPC in small letters: `not_found`. */
    readonly code: string;
    /** The reason that the service gave, such as `KEY_EXISTS`; empty if the service did not respond. */
    readonly reason: string;
    readonly message: string;
    readonly outcome: Outcome;
    readonly metadata: Readonly<Record<string, string>>;
    /** How long the service asks to wait before the next try. */
    readonly retryAfterMs?: number | undefined;
}
/** A call that failed. The classes below are for the failures that programs handle. */
export declare class DuetError extends Error {
    readonly code: string;
    readonly reason: string;
    readonly outcome: Outcome;
    readonly metadata: Readonly<Record<string, string>>;
    readonly retryAfterMs: number | undefined;
    constructor(details: ErrorDetails, cause?: unknown);
}
/** A precondition or a check failed: somebody else wrote first. Nothing happened. */
export declare class ConflictError extends DuetError {
    /** The revision of the entry now; 0 if there is none. */
    get currentRevision(): number;
}
/** The write may or may not have happened, and could not be repeated until it was known. */
export declare class UnknownOutcomeError extends DuetError {
}
/** `timeoutMs` is over. `outcome` tells whether a write may have happened. */
export declare class TimeoutError extends DuetError {
}
/** The credentials are missing, wrong or expired. */
export declare class UnauthenticatedError extends DuetError {
}
/** The identity lacks a right. */
export declare class ForbiddenError extends DuetError {
    get right(): string | undefined;
    get key(): string | undefined;
    /** The prefixes in which the identity has the right. */
    get permittedPrefixes(): readonly string[];
}
/** Something is too large or too much, or the store is full. */
export declare class LimitError extends DuetError {
}
/** No server can do it now. Nothing happened. */
export declare class UnavailableError extends DuetError {
}
/** The history of the store does not reach back to the revision. */
export declare class HistoryGoneError extends DuetError {
}
/** A value could not be decoded or encoded. */
export declare class CodecError extends Error {
    readonly key: string;
    constructor(key: string, message: string, cause?: unknown);
}
/** The error of the class that stands for the code and the outcome. */
export declare function createError(details: ErrorDetails, cause?: unknown): DuetError;
/** Whether another try may succeed. */
export declare function isTransient({ code, reason }: DuetError): boolean;
/** Whether a call with this failure may have changed something. */
export declare function outcomeOf(code: string, reason: string): Outcome;
