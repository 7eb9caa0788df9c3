import { Http2SessionManager } from "@connectrpc/connect-node";

type Request = Http2SessionManager["request"];

/**
 * A connection that reads each response from its first byte on.
 *
 * Connect begins to read when it gets the headers. Over TLS, Node may deliver the headers after it has processed the end of the
 * response, and then, from 24.20 and 26.3 on, an iterator fails with "Premature close" although the response is complete
 * (https://github.com/nodejs/node/issues/65677). An iterator that began before is not affected.
 */
export class GrpcSession extends Http2SessionManager {
  override async request(...args: Parameters<Request>): ReturnType<Request> {
    const stream = await super.request(...args);
    const chunks: AsyncIterableIterator<Uint8Array> = stream[Symbol.asyncIterator]();
    const first = chunks.next();
    // Connect may never read a stream that fails, and hears of its failure from the stream itself.
    first.catch(() => {});
    return Object.assign(stream, { [Symbol.asyncIterator]: () => readFrom(first, chunks) });
  }
}

async function* readFrom<Item>(
  first: Promise<IteratorResult<Item>>,
  others: AsyncIterableIterator<Item>,
): AsyncGenerator<Item, void, undefined> {
  try {
    const { done, value } = await first;
    if (done === true) return;
    yield value;
    yield* others;
  } finally {
    // A reader may leave after the first bytes, which must end the stream.
    await others.return?.();
  }
}
