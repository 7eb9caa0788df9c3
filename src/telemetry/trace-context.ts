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

const unsampledPattern = /^00-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f][02468ace]$/;

/**
 * Whether `parseTraceparent` would read a context of version 00 that is not sampled, as most are. Takes a third of the time:
 * no texts are made.
 */
export function isUnsampled(header: string): boolean {
  return unsampledPattern.test(header);
}

/** The `traceparent` header of a request that belongs to a sampled trace. */
export function formatTraceparent({ traceId, spanId }: Pick<TraceContext, "traceId" | "spanId">): string {
  return `00-${traceId}-${spanId}-01`;
}

/** Whether a trace with this id is sampled: the same decision wherever it is made, as OpenTelemetry makes it. */
export function isWithinRatio(traceId: string, ratio: number): boolean {
  return ratio === 1 || Number.parseInt(traceId.slice(-14), 16) < ratio * 2 ** 56;
}

const traceIdBytes = 16;
const spanIdBytes = 8;
/** Those of a trace id that decide: the last seven. */
const decisiveBytes = 7;

const pool = Buffer.alloc(4096);
let used = pool.length;

/** Takes so many random bytes from the pool. Returns where they begin. */
function takeRandom(bytes: number): number {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return used - bytes;
}

/** A random id of a trace that begins here, if the trace is sampled: a call that is not needs no text of an id. */
export function createSampledTraceId(ratio: number): string | undefined {
  if (ratio === 0) return undefined;
  const start = takeRandom(traceIdBytes);
  const end = start + traceIdBytes;
  if (ratio < 1) {
    // As `isWithinRatio` reads the text.
    const high = pool.readUIntBE(end - decisiveBytes, decisiveBytes - 4);
    if (high * 2 ** 32 + pool.readUInt32BE(end - 4) >= ratio * 2 ** 56) return undefined;
  }
  return pool.toString("hex", start, end);
}

export function createSpanId(): string {
  const start = takeRandom(spanIdBytes);
  return pool.toString("hex", start, start + spanIdBytes);
}
