import type { DescService } from "@bufbuild/protobuf";
import { Code, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { toConnectError } from "./connect-error.ts";

/** Called when a call ends; `code` is undefined when it succeeded. `error` is the original error. */
export type CallObserver = (milliseconds: number, code: Code | undefined, error: unknown) => void;

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

function interceptUnary(handler: Unary, observe: CallObserver): Unary {
  return (request, context) => {
    const start = performance.now();
    let result: unknown;
    try {
      result = handler(request, context);
    } catch (error) {
      throw report(start, error, observe);
    }
    if (result instanceof Promise) {
      return result.then(
        (response: unknown) => {
          observe(performance.now() - start, undefined, undefined);
          return response;
        },
        (error: unknown) => {
          throw report(start, error, observe);
        },
      );
    }
    observe(performance.now() - start, undefined, undefined);
    return result;
  };
}

/** Not an async generator, which would double the cost of a message with many watchers. */
function interceptStreaming(handler: Streaming, observe: CallObserver): Streaming {
  return (request, context) => {
    const start = performance.now();
    let over = false;
    // A reader that ends the stream counts as success, too.
    const succeed = () => {
      if (!over) observe(performance.now() - start, undefined, undefined);
      over = true;
    };
    const fail = (error: unknown): never => {
      over = true;
      throw report(start, error, observe);
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

function report(start: number, error: unknown, observe: CallObserver) {
  const connectError = toConnectError(error);
  observe(performance.now() - start, connectError.code, error);
  return connectError;
}
