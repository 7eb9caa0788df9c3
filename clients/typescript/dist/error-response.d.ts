import { type DuetError } from "./errors.ts";
/** An error in Connect's JSON, as it is in the body of a response and in the end of a stream. */
export declare function toError(error: {
    code?: unknown;
    message?: unknown;
    details?: unknown;
}): DuetError;
/** The error of a response whose status is not 200. What comes from a proxy counts by its status. */
export declare function readError(response: Response): Promise<DuetError>;
