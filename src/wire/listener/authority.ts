// reg-name or IPv4, or an IPv6 literal, with an optional port. Nothing here can make `new URL` throw later on,
// save hosts that look like a broken IPv4 address; see connect/connect-mount.ts.
const authorityPattern = /^(?:[\w.~!$&'()*+,;=%-]+|\[[\da-fA-F:.]+(?:%25[\w.~-]+)?\])(?::(\d{0,5}))?$/;

/** Clients send the same host with every request. */
let lastValid = "localhost";

/** Whether `:authority` or `Host` can name a host. */
export function isValidAuthority(authority: string | undefined): boolean {
  if (authority === lastValid) return true;
  const match = authority === undefined ? null : authorityPattern.exec(authority);
  if (match === null || Number(match[1] ?? 0) > 65_535) return false;
  lastValid = match[0];
  return true;
}

/** Whether a request of HTTP/1.1 has exactly one Host (RFC 9112, section 3.2). */
export function hasOneHost(rawHeaders: readonly string[]): boolean {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === 4 && name.toLowerCase() === "host") hosts++;
  }
  return hosts === 1;
}
