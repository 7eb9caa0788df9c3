import type { DescService } from "@bufbuild/protobuf";
import { Code, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { toConnectError } from "./error-table.ts";

/** Told of every call when it ends; `code` is undefined when it succeeded. `error` is the original one. */
export type CallObserver = (call: {
  readonly method: string;
  readonly milliseconds: number;
  readonly code: Code | undefined;
  readonly error: unknown;
}) => void;

type Unary = (request: never, context: HandlerContext) => unknown;
type Streaming = (request: never, context: HandlerContext) => AsyncIterable<unknown>;

/**
 * Wraps all handlers of a service once, for every protocol: errors become what is sent, and each call is reported.
 */
export function intercept<Service extends DescService>(
  service: Service,
  implementation: ServiceImpl<Service>,
  observe: CallObserver,
): ServiceImpl<Service> {
  const handlers = implementation as Record<string, Unary & Streaming>;
  const intercepted = service.methods.map(({ localName, methodKind }) => {
    const handler = handlers[localName] as Unary & Streaming;
    const call = methodKind === "unary" ? interceptUnary : interceptStreaming;
    return [localName, call(localName, handler, observe)] as const;
  });
  return Object.fromEntries(intercepted) as ServiceImpl<Service>;
}

function interceptUnary(method: string, handler: Unary, observe: CallObserver): Unary {
  return (request, context) => {
    const start = performance.now();
    const succeed = (response: unknown) => {
      observe({ method, milliseconds: performance.now() - start, code: undefined, error: undefined });
      return response;
    };
    const fail = (error: unknown): never => {
      throw report(method, start, error, observe);
    };
    let answer: unknown;
    try {
      answer = handler(request, context);
    } catch (error) {
      return fail(error);
    }
    return answer instanceof Promise ? answer.then(succeed, fail) : succeed(answer);
  };
}

/** Not an async generator: with many watchers that would double the cost of a message. */
function interceptStreaming(method: string, handler: Streaming, observe: CallObserver): Streaming {
  return (request, context) => {
    const start = performance.now();
    let over = false;
    // Also when the reader leaves: it has got what it wanted.
    const succeed = () => {
      if (!over)
        observe({ method, milliseconds: performance.now() - start, code: undefined, error: undefined });
      over = true;
    };
    const fail = (error: unknown): never => {
      over = true;
      throw report(method, start, error, observe);
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

function report(method: string, start: number, error: unknown, observe: CallObserver) {
  const connectError = toConnectError(error);
  observe({ method, milliseconds: performance.now() - start, code: connectError.code, error });
  return connectError;
}
