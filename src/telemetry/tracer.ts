import { type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { Code, type HandlerContext } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { http } from "../../gen/google/api/annotations_pb.ts";
import type { Sampler } from "./otel-configuration.ts";
import { requestHeader } from "./request-header.ts";
import { type Span, timeOf } from "./span.ts";
import {
  createSampledTraceId,
  createSpanId,
  isUnsampled,
  isWithinRatio,
  parseTraceparent,
  type TraceContext,
} from "./trace-context.ts";

/** For which the server is to blame, as the semantic conventions for gRPC servers say. */
const serverFaults: ReadonlySet<Code> = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Unimplemented,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

/** A tracestate may have 512 characters; longer ones are not passed on. */
const traceStateLengthMax = 512;

/** Traces the calls of one method. */
export interface MethodTracer {
  /** Undefined when the call is not sampled. */
  begin(context: HandlerContext): Span | undefined;
  /** `code` is undefined when the call succeeded. */
  end(span: Span, code: Code | undefined, reason: string | undefined): void;
}

/** Makes the spans of calls. No key and no value is in them. */
export class Tracer {
  readonly #sampler: Sampler;
  readonly #export: (span: Span) => void;

  constructor(sampler: Sampler, exportSpan: (span: Span) => void) {
    this.#sampler = sampler;
    this.#export = exportSpan;
  }

  ofMethod(method: DescMethod): MethodTracer {
    const name = `${method.parent.typeName}/${method.name}`;
    const route = routeOf(method);
    return {
      begin: (context) => {
        const traceparent = requestHeader(context, "traceparent");
        if (traceparent !== undefined && this.#sampler.parentBased && isUnsampled(traceparent))
          return undefined;
        const parent = traceparent === undefined ? undefined : parseTraceparent(traceparent);
        const traceId = this.#sample(parent);
        if (traceId === undefined) return undefined;
        const { protocolName, requestMethod } = context;
        const isRest = protocolName === "rest";
        const startTime = timeOf(performance.now());
        return {
          traceId,
          spanId: createSpanId(),
          parentSpanId: parent?.spanId ?? "",
          traceState: parent === undefined ? "" : readTraceState(context),
          name,
          kind: "server",
          startTime,
          endTime: startTime,
          attributes: {
            "rpc.system.name": isRest ? "http" : protocolName,
            "rpc.method": name,
            ...(isRest && { "http.request.method": requestMethod, ...(route && { "http.route": route }) }),
          },
          links: [],
          failed: false,
        };
      },
      end: (span, code, reason) => {
        // Not the start and the duration: they are of two readings of the clock, between which the thread may have stood still.
        span.endTime = timeOf(performance.now());
        span.attributes["rpc.response.status_code"] =
          code === undefined ? "OK" : codeToString(code).toUpperCase();
        if (reason !== undefined) span.attributes["duetkv.reason"] = reason;
        span.failed = code !== undefined && serverFaults.has(code);
        this.#export(span);
      },
    };
  }

  /** The trace of a call; undefined when it is not sampled. */
  #sample(parent: TraceContext | undefined): string | undefined {
    const { parentBased, ratio } = this.#sampler;
    if (parent === undefined) return createSampledTraceId(ratio);
    const { traceId, sampled } = parent;
    return (parentBased ? sampled : isWithinRatio(traceId, ratio)) ? traceId : undefined;
  }
}

function readTraceState(context: HandlerContext): string {
  const state = requestHeader(context, "tracestate") ?? "";
  return state.length <= traceStateLengthMax ? state : "";
}

/** The template of the path, which names no key. */
function routeOf(method: DescMethod): string | undefined {
  if (!hasOption(method, http)) return undefined;
  const { pattern } = getOption(method, http);
  return typeof pattern.value === "string" ? pattern.value : undefined;
}
