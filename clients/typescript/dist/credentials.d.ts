/** The token of the caller: asked for once, and again when the service refuses it. */
export declare class Credentials {
    #private;
    constructor(ask: (() => string | Promise<string>) | undefined);
    /** Rejects with DuetError when there is none to be had. */
    get(): Promise<string | undefined>;
    /** Whether a call that failed may be made once more, with new credentials. */
    mayRenew(error: unknown): boolean;
}
