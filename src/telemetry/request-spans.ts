import type { CallSpan } from "../database.ts";
import type { RequestSpan, RequestTracer } from "../replication/request-tracer.ts";
import { childSpan, type Span, timeOf } from "./span.ts";

/** Makes the spans of requests to other replicas. */
export class RequestSpans implements RequestTracer {
  readonly #export: (span: Span) => void;

  constructor(exportSpan: (span: Span) => void) {
    this.#export = exportSpan;
  }

  begin(calls: readonly CallSpan[]): RequestSpan {
    const parent = calls[0] as CallSpan;
    const span = childSpan(parent, "forward", "client", performance.now(), calls);
    const { traceId, spanId, traceState } = span;
    const end = (failed: boolean): void => {
      span.endTime = timeOf(performance.now());
      span.failed = failed;
      this.#export(span);
    };
    return { traceId, spanId, traceState, end };
  }
}
