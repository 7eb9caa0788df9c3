import type { Exchange } from "./call/exchange.ts";

/** The names, in lower case and without a port, by which requests may call the server; `*` for any. */
export type AllowedHosts = ReadonlySet<string> | "*";

const loopbackName = /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Whether an address to listen on, or a name, stands for this machine alone. */
export function isLoopback(host: string): boolean {
  return loopbackName.test(host) || host === "::1";
}

/**
 * Tells requests by the Host that they name, against DNS rebinding: a page at a name that its owner points at
 * 127.0.0.1 has the same origin as a server there. Names of the loopback interface always pass, and so do HTTP/2 and
 * TLS, which such a page cannot speak to us.
 */
export function createHostCheck(allowed: AllowedHosts): (exchange: Exchange) => boolean {
  if (allowed === "*") return () => true;
  // Clients send the same Host with every request.
  let lastPassed: string | undefined;
  return ({ headers: { host }, httpVersion, encrypted }) => {
    if (host === lastPassed || host === undefined) return true;
    if (httpVersion !== 1 || encrypted) return true;
    const name = host.replace(/:\d*$/, "").replace(/\.$/, "").toLowerCase();
    if (!isLoopback(name) && !allowed.has(name)) return false;
    lastPassed = host;
    return true;
  };
}
