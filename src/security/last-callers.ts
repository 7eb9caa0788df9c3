import type { CallOrigin } from "./authenticator.ts";
import type { Caller } from "./caller.ts";
import type { Peer } from "./peer.ts";
import type { Policy } from "./policy.ts";

/**
 * The caller that came last on each connection, where a token of the policy told who it is. The next call with the same header
 * is of the same caller: neither the token is hashed again nor its identity looked up.
 */
export class LastCallers {
  readonly #callers = new WeakMap<Peer, { readonly authorization: string; readonly caller: Caller }>();

  /** Undefined when the header, or the policy, is another one, and for a token that has expired. */
  find(origin: CallOrigin, policy: Policy): Caller | undefined {
    const last = this.#callers.get(origin.peer);
    if (last === undefined || last.authorization !== origin.header("authorization")) return undefined;
    const { caller } = last;
    const { expires } = caller.identity;
    const isValid = caller.policy === policy && (expires === undefined || Date.now() < expires);
    return isValid ? caller : undefined;
  }

  /** Remembers a caller if a token of the policy told who it is. */
  remember(origin: CallOrigin, caller: Caller): void {
    const authorization = origin.header("authorization");
    // What a JWT proves ends with the keys of its issuer.
    if (caller.credential.via !== "token" || authorization === undefined) return;
    this.#callers.set(origin.peer, { authorization, caller });
  }
}
