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

/** Node computes it anew each time that it is asked. */
const { timeOrigin } = performance;

/** The time of a span, from that of `performance.now()`. */
export function timeOf(milliseconds: number): number {
  return timeOrigin + milliseconds;
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

/**
 * The spans as an ExportTraceServiceRequest of OTLP in JSON. It is written piece by piece: the objects that JSON.stringify would
 * take, two dozen for each span, cost more than the text.
 */
export function encodeSpans(spans: readonly Span[], resource: Readonly<Record<string, string>>): string {
  const encoded = spans.map(encodeSpan).join(",");
  return `{"resourceSpans":[{"resource":{"attributes":${encodeAttributes(resource)}},"scopeSpans":[{"scope":{"name":"duetkv"},"spans":[${encoded}]}]}]}`;
}

/** Ids are hexadecimal, and need no escapes. */
function encodeSpan(span: Span): string {
  const { traceId, spanId, parentSpanId, traceState, links } = span;
  const parent = parentSpanId === "" ? "" : `"parentSpanId":"${parentSpanId}",`;
  const state = traceState === "" ? "" : `"traceState":${JSON.stringify(traceState)},`;
  const linked = links.length === 0 ? "" : `"links":[${links.map(encodeLink).join(",")}],`;
  const start = toNanoseconds(span.startTime);
  const end = toNanoseconds(span.endTime);
  const status = span.failed ? `{"code":${statusError}}` : "{}";
  return `{"traceId":"${traceId}","spanId":"${spanId}",${parent}${state}"name":${JSON.stringify(span.name)},"kind":${kinds[span.kind]},"startTimeUnixNano":"${start}","endTimeUnixNano":"${end}","attributes":${encodeAttributes(span.attributes)},${linked}"status":${status}}`;
}

function encodeLink({ traceId, spanId }: Span["links"][number]): string {
  return `{"traceId":"${traceId}","spanId":"${spanId}"}`;
}

/** 64-bit numbers are texts in the JSON of OTLP. A number has room for microseconds, and not for nanoseconds. */
function toNanoseconds(milliseconds: number): string {
  return `${Math.round(milliseconds * 1000)}000`;
}

function encodeAttributes(attributes: Readonly<Record<string, string | number>>): string {
  let encoded = "";
  for (const key in attributes) {
    const value = attributes[key] as string | number;
    const separator = encoded === "" ? "" : ",";
    const typed =
      typeof value === "string" ? `"stringValue":${JSON.stringify(value)}` : `"intValue":"${value}"`;
    encoded += `${separator}{"key":${JSON.stringify(key)},"value":{${typed}}}`;
  }
  return `[${encoded}]`;
}
