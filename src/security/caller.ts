import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Credential, Identity } from "./identity.ts";
import type { Peer } from "./peer.ts";

/** Who makes a call, as the policy in force at its beginning says. */
export interface Caller {
  readonly identity: Identity;
  /** By which a running call is judged again when the policy changes. */
  readonly credential: Credential;
  readonly peer: Peer;
  /** Without one everything is allowed, and callers are only written down. */
  readonly hasPolicy: boolean;
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
