import type { CallSpan } from "../database.ts";

/** The span of a request to another replica, which its context names as the parent of what happens there. */
export interface RequestSpan extends CallSpan {
  /** `failed`: the request has no response. */
  end(failed: boolean): void;
}

/** Traces requests to other replicas. */
export interface RequestTracer {
  /** Begins a span that is a part of these calls, at least one: the parent is the first, and it has links to them. */
  begin(calls: readonly CallSpan[]): RequestSpan;
}
