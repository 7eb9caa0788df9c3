import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Credential, Identity } from "./identity.ts";
import type { Peer } from "./peer.ts";
import type { Policy } from "./policy.ts";

/** Who makes a call. */
export interface Caller {
  readonly identity: Identity;
  /** By which a call is judged again when the policy changes. */
  readonly credential: Credential;
  readonly peer: Peer;
  /** The one that identified the caller. Undefined: everything is allowed, and callers are only written down. */
  readonly policy: Policy | undefined;
}

/** Where calls that Connect's library serves keep their caller. */
export const callerKey = createContextKey<Caller | undefined>(undefined);

/** The context of our own calls has it as a field: a map of values would cost each call. */
export interface ContextWithCaller extends HandlerContext {
  readonly caller: Caller | undefined;
}

/** Undefined without a policy, and for methods that ask nobody who they are. */
export function callerOf(context: HandlerContext): Caller | undefined {
  return "caller" in context ? (context as ContextWithCaller).caller : context.values.get(callerKey);
}
