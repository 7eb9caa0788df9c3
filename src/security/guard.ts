import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { DuetError } from "../errors.ts";
import type { CallAudit } from "./call-audit.ts";
import { type Caller, callerOf } from "./caller.ts";
import type { Identity } from "./identity.ts";
import type { JwtVerifier } from "./jwt-verifier.ts";
import { findRule, type MethodRule } from "./method-rules.ts";
import type { Policy } from "./policy.ts";
import type { RunningStreams } from "./running-streams.ts";
import type { SecurityCounts } from "./security-counts.ts";

type Unary = (request: never, context: HandlerContext) => unknown;
type Streaming = (request: never, context: HandlerContext) => AsyncIterable<unknown>;

export interface GuardOptions {
  readonly counts: SecurityCounts;
  readonly streams: RunningStreams;
  /** Undefined: nothing is written down. */
  readonly audit: CallAudit | undefined;
  /** The one in force. */
  readonly policy: () => Policy | undefined;
  /** That of the policy in force. */
  readonly jwts: () => JwtVerifier | undefined;
}

/**
 * Puts the rule of its method before each handler of a service, once for all protocols. Calls without a caller pass: those
 * of open methods. Throws for a method without a rule.
 */
export function protect<Service extends DescService>(
  service: Service,
  implementation: ServiceImpl<Service>,
  options: GuardOptions,
): ServiceImpl<Service> {
  const handlers = implementation as Record<string, Unary & Streaming>;
  const guarded = service.methods.map((method) => {
    const handler = handlers[method.localName] as Unary & Streaming;
    const rule = findRule(method);
    if (rule.asks === "nobody") return [method.localName, handler] as const;
    const call = method.methodKind === "unary" ? guardUnary : guardStreaming;
    return [method.localName, call(handler, method, rule, options)] as const;
  });
  return Object.fromEntries(guarded) as ServiceImpl<Service>;
}

function guardUnary(handler: Unary, method: DescMethod, rule: MethodRule, options: GuardOptions): Unary {
  const { audit } = options;
  const callAs = (caller: Caller, request: never, context: HandlerContext): unknown => {
    if (!isVerified(caller, options)) {
      return verifyAgain(caller, options).then((verified) => callAs(verified, request, context));
    }
    const { identity } = identifyAgain(caller, options);
    authorize(rule, identity, request, options);
    const hiddenKey = rule.preconditionKey?.(request);
    return hiddenKey === undefined || identity.rights.allowsKey("read", hiddenKey)
      ? handler(request, context)
      : hideCurrentRevision(handler(request, context) as Promise<unknown>);
  };
  const call: Unary = (request, context) => {
    const caller = callerOf(context);
    return caller === undefined ? handler(request, context) : callAs(caller, request, context);
  };
  if (audit === undefined) return call;
  return async (request, context) => {
    try {
      const response = await call(request, context);
      audit.ended(rule, method, request, context, undefined, response);
      return response;
    } catch (error) {
      audit.ended(rule, method, request, context, error);
      throw error;
    }
  };
}

function guardStreaming(
  handler: Streaming,
  method: DescMethod,
  rule: MethodRule,
  options: GuardOptions,
): Streaming {
  const { audit, streams } = options;
  const streamAs = (first: Caller, request: never, context: HandlerContext): AsyncIterable<unknown> => {
    const fail = (error: unknown): never => {
      audit?.ended(rule, method, request, context, error);
      throw error;
    };
    if (!isVerified(first, options)) {
      return openLater(async () => {
        const verified = await verifyAgain(first, options).catch(fail);
        return streamAs(verified, request, context);
      });
    }
    try {
      const caller = identifyAgain(first, options);
      authorize(rule, caller.identity, request, options);
      const messages = handler(request, context)[Symbol.asyncIterator]();
      const isAllowed = (identity: Identity) => rule.authorize(identity, request);
      const onOver = (error: unknown) => audit?.ended(rule, method, request, context, error);
      return streams.guard({ caller, messages, authorize: isAllowed, onOver });
    } catch (error) {
      return fail(error);
    }
  };
  return (request, context) => {
    const caller = callerOf(context);
    return caller === undefined ? handler(request, context) : streamAs(caller, request, context);
  };
}

/** Opens a stream when it is read: nobody would see its error before. */
async function* openLater(open: () => Promise<AsyncIterable<unknown>>): AsyncIterable<unknown> {
  yield* await open();
}

/** False when the keys or the policy have changed since the JWT of a caller was verified. */
function isVerified({ credential }: Caller, { jwts }: GuardOptions): boolean {
  return credential.via !== "jwt" || jwts()?.hasVerified(credential) !== false;
}

/** Rejects as `JwtVerifier.verify` does. */
async function verifyAgain(caller: Caller, { jwts }: GuardOptions): Promise<Caller> {
  const verifier = jwts();
  if (caller.credential.via !== "jwt" || verifier === undefined) return caller;
  const credential = await verifier.verify(caller.credential.token);
  // No policy has identified it yet.
  return { ...caller, credential, policy: undefined };
}

/** The caller by the policy in force: it may have changed while the body of the request came. Throws as `Policy.identify` does. */
function identifyAgain(caller: Caller, { policy }: GuardOptions): Caller {
  const current = policy();
  if (current === undefined || current === caller.policy) return caller;
  return { ...caller, identity: current.identify(caller.credential), policy: current };
}

function authorize(rule: MethodRule, identity: Identity, request: never, { counts }: GuardOptions): void {
  try {
    rule.authorize(identity, request);
  } catch (error) {
    if (error instanceof DuetError) counts.denied(error.metadata["right"] ?? rule.right);
    throw error;
  }
}

/** A caller that may write a key but not read it must not learn its revision from a precondition that fails. */
async function hideCurrentRevision(writing: Promise<unknown>): Promise<unknown> {
  try {
    return await writing;
  } catch (error) {
    if (!(error instanceof DuetError) || error.metadata["current_revision"] === undefined) throw error;
    throw new DuetError(error.reason, "the precondition does not hold");
  }
}
