import type { DescMethod } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { DuetError } from "../errors.ts";
import type { Audit, AuditRecord } from "./audit.ts";
import { callerOf } from "./caller.ts";
import type { MethodRule } from "./method-rules.ts";
import type { Peer } from "./peer.ts";

const keysMax = 8;
/** A key that is refused for its length is cut. */
const keyLengthMax = 1024;

/** Refusals that are about who the caller is; all others are about the request. */
const denials: ReadonlySet<string> = new Set([
  "CREDENTIALS_MISSING",
  "TOKEN_INVALID",
  "TOKEN_EXPIRED",
  "CERTIFICATE_UNKNOWN",
  "RIGHT_MISSING",
  "RATE_LIMITED",
]);

/** A call that was refused before its request was read. */
export interface RefusedCall {
  readonly method: DescMethod;
  readonly protocol: string;
  readonly peer: Peer;
  readonly traceparent: string | undefined;
}

/** Writes down how calls end. */
export class CallAudit {
  readonly #audit: Audit;
  readonly #policy: () => string | undefined;

  /** `policy` is the hash of the one in force. */
  constructor(audit: Audit, policy: () => string | undefined) {
    this.#audit = audit;
    this.#policy = policy;
  }

  /** `error` is undefined when the call went well; a stream has no response. */
  ended(
    rule: MethodRule,
    method: DescMethod,
    request: never,
    context: HandlerContext,
    error: unknown,
    response?: unknown,
  ): void {
    const outcome = outcomeOf(error);
    const caller = callerOf(context);
    if (caller === undefined || !this.#audit.takes(outcome, rule.right)) return;
    const keys = rule.keysOf(request);
    this.#audit.write({
      time: new Date().toISOString(),
      outcome,
      identity: caller.identity.name,
      via: caller.identity.via,
      method: nameOf(method),
      protocol: context.protocolName,
      right: rightOf(error) ?? rule.right,
      keys: keys.slice(0, keysMax).map((key) => key.slice(0, keyLengthMax)),
      key_count: keys.length,
      reason: reasonOf(error),
      revision: revisionOf(response),
      peer: caller.peer.address,
      trace_id: traceIdOf(context.requestHeader.get("traceparent") ?? undefined),
      policy: this.#policy(),
    });
  }

  refused({ method, protocol, peer, traceparent }: RefusedCall, via: string, error: unknown): void {
    const outcome = outcomeOf(error);
    if (!this.#audit.takes(outcome, "")) return;
    this.#audit.write({
      time: new Date().toISOString(),
      outcome,
      identity: "",
      via,
      method: nameOf(method),
      protocol,
      right: "",
      keys: [],
      key_count: 0,
      reason: reasonOf(error),
      revision: undefined,
      peer: peer.address,
      trace_id: traceIdOf(traceparent),
      policy: this.#policy(),
    });
  }

  close(): Promise<void> {
    return this.#audit.close();
  }
}

function outcomeOf(error: unknown): AuditRecord["outcome"] {
  if (error === undefined) return "ok";
  return denials.has(reasonOf(error)) ? "denied" : "failed";
}

function reasonOf(error: unknown): string {
  if (error === undefined) return "";
  return error instanceof DuetError ? error.reason : "INTERNAL";
}

function rightOf(error: unknown): string | undefined {
  return error instanceof DuetError ? error.metadata["right"] : undefined;
}

function revisionOf(response: unknown): string | undefined {
  const revision = (response as { readonly revision?: bigint } | undefined)?.revision;
  return revision === undefined ? undefined : String(revision);
}

function nameOf({ parent, name }: DescMethod): string {
  return `${parent.typeName}/${name}`;
}

/** That of the W3C header `traceparent`. */
function traceIdOf(traceparent: string | undefined): string | undefined {
  return /^[\da-f]{2}-([\da-f]{32})-/.exec(traceparent ?? "")?.[1];
}
