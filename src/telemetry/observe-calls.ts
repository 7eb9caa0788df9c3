import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { DuetError } from "../errors.ts";
import type { Logger } from "../logging.ts";
import type { CallObserver } from "../service/services.ts";
import type { CallLog } from "./call-log.ts";
import { setSpan } from "./call-span.ts";
import { requestIdOf } from "./request-id.ts";
import type { Span } from "./span.ts";
import type { Tracer } from "./tracer.ts";

/** Counts the calls of one method. */
interface MethodCounter {
  begin(): void;
  end(protocol: string, milliseconds: number, code: Code | undefined): void;
}

export interface ObserveOptions {
  readonly countCalls: (method: DescMethod) => MethodCounter;
  /** Undefined: nothing is traced. */
  readonly tracer: Tracer | undefined;
  readonly callLog: CallLog;
  readonly log: Pick<Logger, "error">;
}

/** Makes the observer of each method: counts, traces and logs its calls, and logs what nobody expected. */
export function createObserve(
  options: ObserveOptions,
): (service: DescService, method: string) => CallObserver {
  const { countCalls, tracer, callLog, log } = options;
  return (service, localName) => {
    const method = service.method[localName] as DescMethod;
    const name = `${service.typeName}/${method.name}`;
    const isUnary = method.methodKind === "unary";
    const counter = countCalls(method);
    const trace = tracer?.ofMethod(method);
    return {
      begin(context) {
        counter.begin();
        const span = trace?.begin(context);
        if (span !== undefined) setSpan(context, span);
        return span;
      },
      end(context, begun, milliseconds, code, error) {
        counter.end(context.protocolName, milliseconds, code);
        const reason = error instanceof DuetError ? error.reason : undefined;
        if (begun !== undefined) trace?.end(begun as Span, code, reason);
        callLog.ended(name, isUnary, context, milliseconds, code, reason);
        if (code !== Code.Internal) return;
        log.error({ err: error, method: name, requestId: requestIdOf(context) }, "call failed unexpectedly");
      },
    };
  };
}
