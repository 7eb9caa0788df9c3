import { createSpanId } from "./trace-context.ts";

/** A call, or a part of it, as it is exported. Times are milliseconds since 1970 UTC, with fractions. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  /** Of the caller; empty where the trace begins here. */
  readonly parentSpanId: string;
  /** As the caller sent it; empty when it sent none. */
  readonly traceState: string;
  readonly name: string;
  readonly kind: keyof typeof kinds;
  readonly startTime: number;
  endTime: number;
  readonly attributes: Record<string, string | number>;
  /** Spans that it belongs to, beside its parent; `childSpan` keeps 128. */
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** Whether the server is to blame for its failure. */
  failed: boolean;
}

const kinds = { internal: 1, server: 2, client: 3 } as const;
const statusError = 2;

/** The default limit of OpenTelemetry for the links of a span; collectors refuse or cut what has more. */
const linksMax = 128;

/** The time of a span, from that of `performance.now()`. */
export function timeOf(milliseconds: number): number {
  return performance.timeOrigin + milliseconds;
}

/** A span below that of a call. `begin` is a time of `performance.now()`; it ends at once, until its end is set. */
export function childSpan(
  { traceId, spanId, traceState }: Pick<Span, "traceId" | "spanId" | "traceState">,
  name: string,
  kind: Span["kind"],
  begin: number,
  links: Span["links"],
): Span {
  const startTime = timeOf(begin);
  return {
    traceId,
    spanId: createSpanId(),
    parentSpanId: spanId,
    traceState,
    name,
    kind,
    startTime,
    endTime: startTime,
    attributes: {},
    links: links.slice(0, linksMax),
    failed: false,
  };
}

/** The spans as an ExportTraceServiceRequest of OTLP in JSON. */
export function encodeSpans(spans: readonly Span[], resource: Readonly<Record<string, string>>): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: encodeAttributes(resource) },
        scopeSpans: [{ scope: { name: "duetkv" }, spans: spans.map(encodeSpan) }],
      },
    ],
  });
}

function encodeSpan(span: Span) {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentSpanId !== "" && { parentSpanId: span.parentSpanId }),
    ...(span.traceState !== "" && { traceState: span.traceState }),
    name: span.name,
    kind: kinds[span.kind],
    startTimeUnixNano: toNanoseconds(span.startTime),
    endTimeUnixNano: toNanoseconds(span.endTime),
    attributes: encodeAttributes(span.attributes),
    ...(span.links.length > 0 && { links: span.links.map(({ traceId, spanId }) => ({ traceId, spanId })) }),
    status: span.failed ? { code: statusError } : {},
  };
}

/** 64-bit numbers are texts in the JSON of OTLP. */
function toNanoseconds(milliseconds: number): string {
  return String(BigInt(Math.round(milliseconds * 1000)) * 1000n);
}

function encodeAttributes(attributes: Readonly<Record<string, string | number>>) {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === "string" ? { stringValue: value } : { intValue: String(value) },
  }));
}
