import type { HttpRequest } from "./http-exchange.ts";

// reg-name or IPv4, or an IPv6 literal, with an optional port. Nothing here can make `new URL` throw later on,
// save hosts that look like a broken IPv4 address; see connect/connect-mount.ts.
const authorityPattern = /^(?:[\w.~!$&'()*+,;=%-]+|\[[\da-fA-F:.]+(?:%25[\w.~-]+)?\])(?::\d{0,5})?$/;

/** Whether a request names the host that it is for, in a form that can be one: `:authority` or `Host`. */
export function hasValidAuthority({ headers }: HttpRequest): boolean {
  return isValidAuthority((headers[":authority"] as string | undefined) ?? headers.host);
}

export function isValidAuthority(authority: string | undefined): boolean {
  return authority !== undefined && authorityPattern.test(authority);
}
