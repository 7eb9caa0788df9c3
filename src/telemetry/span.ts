/** One call, as it is exported. Times are milliseconds since 1970 UTC, with fractions. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  /** Of the caller; empty where the trace begins here. */
  readonly parentSpanId: string;
  /** As the caller sent it; empty when it sent none. */
  readonly traceState: string;
  readonly name: string;
  readonly startTime: number;
  endTime: number;
  readonly attributes: Record<string, string | number>;
  /** Whether the server is to blame for its failure. */
  failed: boolean;
}

const kindServer = 2;
const statusError = 2;

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
    kind: kindServer,
    startTimeUnixNano: toNanoseconds(span.startTime),
    endTimeUnixNano: toNanoseconds(span.endTime),
    attributes: encodeAttributes(span.attributes),
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
