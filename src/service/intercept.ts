import type { DescService } from "@bufbuild/protobuf";
import type { Code, ConnectError, HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { requestIdOf } from "../telemetry/request-id.ts";
import { toConnectError } from "./connect-error.ts";

/** Told of the calls of one method. */
export interface CallObserver {
  /** The handler is about to be called. What this returns goes to `end`. */
  begin(context: HandlerContext): unknown;
  /** Called once for each `begin`. `code` is undefined when the call succeeded; `error` is the original one. */
  end(context: HandlerContext, begun: unknown, milliseconds: number, code?: Code, error?: unknown): void;
}

type Unary = (request: never, context: HandlerContext) => unknown;
type Streaming = (request: never, context: HandlerContext) => { [Symbol.asyncIterator](): Messages };

interface Messages extends AsyncIterator<unknown> {
  /** The next message, if it is there already. Undefined: ask `next`. */
  ready?(): unknown;
}

/**
 * Wraps all handlers of a service, for every protocol: it converts errors to those that are sent, and reports each
 * call to the observer of its method.
 */
export function intercept<Service extends DescService>(
  service: Service,
  implementation: ServiceImpl<Service>,
  observerOf: (method: string) => CallObserver,
): ServiceImpl<Service> {
  const handlers = implementation as Record<string, Unary & Streaming>;
  const intercepted = service.methods.map(({ localName, methodKind }) => {
    const handler = handlers[localName] as Unary & Streaming;
    const call = methodKind === "unary" ? interceptUnary : interceptStreaming;
    return [localName, call(handler, observerOf(localName))] as const;
  });
  return Object.fromEntries(intercepted) as ServiceImpl<Service>;
}

function interceptUnary(handler: Unary, observer: CallObserver): Unary {
  return (request, context) => {
    const begun = observer.begin(context);
    const start = performance.now();
    let result: unknown;
    try {
      result = handler(request, context);
    } catch (error) {
      throw report(observer, context, begun, start, error);
    }
    if (result instanceof Promise) {
      return result.then(
        (response: unknown) => {
          observer.end(context, begun, performance.now() - start);
          return response;
        },
        (error: unknown) => {
          throw report(observer, context, begun, start, error);
        },
      );
    }
    observer.end(context, begun, performance.now() - start);
    return result;
  };
}

/** Not an async generator: with many watchers that would double the cost of a message. */
function interceptStreaming(handler: Streaming, observer: CallObserver): Streaming {
  return (request, context) => {
    const begun = observer.begin(context);
    const start = performance.now();
    let over = false;
    // A reader that ends the stream counts as success, too.
    const succeed = () => {
      if (!over) observer.end(context, begun, performance.now() - start);
      over = true;
    };
    const fail = (error: unknown): never => {
      if (over) throw toConnectError(error);
      over = true;
      throw report(observer, context, begun, start, error);
    };
    const pass = (result: IteratorResult<unknown>) => {
      if (result.done === true) succeed();
      return result;
    };
    try {
      const messages = handler(request, context)[Symbol.asyncIterator]();
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => messages.next().then(pass, fail),
          ready() {
            try {
              return messages.ready?.();
            } catch (error) {
              return fail(error);
            }
          },
          async return() {
            succeed();
            await messages.return?.();
            return { done: true, value: undefined };
          },
        }),
      };
    } catch (error) {
      return fail(error);
    }
  };
}

function report(
  observer: CallObserver,
  context: HandlerContext,
  begun: unknown,
  start: number,
  error: unknown,
): ConnectError {
  const connectError = toConnectError(error, () => requestIdOf(context));
  observer.end(context, begun, performance.now() - start, connectError.code, error);
  return connectError;
}
