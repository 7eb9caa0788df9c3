import type { CallOrigin } from "./authenticator.ts";
import type { Caller } from "./caller.ts";
import type { Peer } from "./peer.ts";
import type { Policy } from "./policy.ts";

/** Of each connection. A proxy sends the calls of many clients on one. */
const callersMax = 16;

/** A header with the longest token has 87 characters. Between `Bearer` and the token it may have any number of spaces. */
const headerLengthMax = 128;

/**
 * The callers that came last on each connection, where a token of the policy told who they are. The next call with the same
 * header is of the same caller: neither the token is hashed again nor its identity looked up.
 */
export class RecentCallers {
  /** By the header that names the token. Those that were remembered first come first. */
  readonly #callers = new WeakMap<Peer, Map<string, Caller>>();

  /** Undefined when the header is another one, or came under another policy, and for a token that has expired. */
  find(origin: CallOrigin, policy: Policy): Caller | undefined {
    const callers = this.#callers.get(origin.peer);
    if (callers === undefined) return undefined;
    const authorization = origin.header("authorization");
    const caller = authorization === undefined ? undefined : callers.get(authorization);
    if (caller === undefined) return undefined;
    const { expires } = caller.identity;
    const isValid = caller.policy === policy && (expires === undefined || Date.now() < expires);
    return isValid ? caller : undefined;
  }

  /** Remembers a caller if a token of the policy told who it is, in place of the oldest one if there are too many. */
  remember(origin: CallOrigin, caller: Caller): void {
    const authorization = origin.header("authorization");
    // What a JWT proves ends with the keys of its issuer.
    if (caller.credential.via !== "token" || authorization === undefined) return;
    if (authorization.length > headerLengthMax) return;
    let callers = this.#callers.get(origin.peer);
    if (callers === undefined) this.#callers.set(origin.peer, (callers = new Map()));
    callers.delete(authorization);
    if (callers.size === callersMax) callers.delete(callers.keys().next().value as string);
    callers.set(authorization, caller);
  }
}
