/** The span of a call that is traced. */
export interface CallSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceState: string;
}

/** Traces what calls wait for in the engine. Times are those of `performance.now()`, in milliseconds. */
export interface EngineTracer {
  /** A write has waited for its batch, or a read for the newest state. */
  waited(call: CallSpan, what: "queue" | "barrier", begin: number, end: number): void;
  /** A batch that has operations of these calls, at least one, was appended. `outcome`: "appended", "conflict" or a reason. */
  appended(calls: readonly CallSpan[], begin: number, end: number, outcome: string): void;
}
