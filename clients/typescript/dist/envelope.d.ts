export declare function encodeEnvelope(message: object): Uint8Array<ArrayBuffer>;
/** Yields the messages; throws DuetError if the end has an error, and Error if there is no end. */
export declare function readEnvelopes(body: ReadableStream<Uint8Array>): AsyncGenerator<object, void, undefined>;
