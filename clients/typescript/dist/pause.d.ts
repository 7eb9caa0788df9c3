/** Resolves after so many milliseconds, or when the signal aborts. */
export declare function pause(ms: number, signal: AbortSignal): Promise<void>;
