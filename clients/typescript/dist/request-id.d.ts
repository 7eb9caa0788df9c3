/** Makes request ids: with one, a write happens once, however often it is sent. */
export declare class RequestIds {
    #private;
    /** A UUIDv7 (RFC 9562) as base64. */
    next(): string;
    /** Learns the time of the server from an entry that it has just written. */
    observe(updateTime: string | undefined): void;
}
