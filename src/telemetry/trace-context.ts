import { randomFillSync } from "node:crypto";

/** The part of W3C Trace Context that a call carries. Ids are lower-case hexadecimal. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

const traceparentPattern = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;

/** Reads a `traceparent` header. Undefined when it is not valid: the trace then begins here. */
export function parseTraceparent(header: string): TraceContext | undefined {
  const match = traceparentPattern.exec(header);
  if (match === null) return undefined;
  const [, version, traceId = "", spanId = "", flags = "", more] = match;
  // Later versions may have more fields; version 00 may not.
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** The `traceparent` header of a request that belongs to a sampled trace. */
export function formatTraceparent({ traceId, spanId }: Pick<TraceContext, "traceId" | "spanId">): string {
  return `00-${traceId}-${spanId}-01`;
}

const pool = Buffer.alloc(4096);
let used = pool.length;

/** A random id of so many bytes, in hexadecimal. */
function randomId(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString("hex", used - bytes, used);
}

export function createTraceId(): string {
  return randomId(16);
}

export function createSpanId(): string {
  return randomId(8);
}
