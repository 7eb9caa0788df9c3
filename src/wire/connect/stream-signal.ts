import { type ContextValues, createContextKey, type Interceptor } from "@connectrpc/connect";
import { toConnectError } from "../../service/connect-error.ts";
import type { Exchange } from "../call/exchange.ts";
import { untilAborted } from "../call/until-aborted.ts";

/** The signal of a stream: undefined before its handler is called, and for unary calls. */
const signalKey = createContextKey<AbortSignal | undefined>(undefined);

/**
 * Ends streams at their deadline, for the age of their connection and at shutdown, also while they wait for a request or for
 * their client to read: Connect's library only aborts the signal. A handler that waits for something else must heed it.
 */
export const endWithSignal: Interceptor = (next) => async (request) => {
  if (!request.stream) return next(request);
  const { signal } = request;
  request.contextValues.set(signalKey, signal);
  const response = await next({ ...request, message: receiveUntilAborted(request.message, signal) });
  return response.stream ? { ...response, message: sendUntilAborted(response.message, signal) } : response;
};

/** Resolves when the client can take more of the response, has left, or the stream is to end. */
export async function drainedOrOver(exchange: Exchange, values: ContextValues): Promise<void> {
  const signal = values.get(signalKey);
  const drained = exchange.drained();
  if (signal === undefined) return drained;
  try {
    await untilAborted(drained, signal);
  } catch {
    // The next message that is asked for fails with it.
  }
}

async function* receiveUntilAborted<Item>(
  items: AsyncIterable<Item>,
  signal: AbortSignal,
): AsyncGenerator<Item> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await untilAborted(iterator.next(), signal);
      if (done === true) return;
      yield value;
    }
  } catch (error) {
    throw signal.aborted ? toConnectError(error) : error;
  } finally {
    // Not awaited: it may be waiting itself.
    iterator.return?.().then(undefined, () => {});
  }
}

async function* sendUntilAborted<Item>(
  items: AsyncIterable<Item>,
  signal: AbortSignal,
): AsyncGenerator<Item> {
  for await (const item of items) {
    yield item;
    if (signal.aborted) throw toConnectError(signal.reason);
  }
}
