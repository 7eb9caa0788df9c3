import type { IncomingHttpHeaders } from "node:http";
import type { Exchange } from "./call/exchange.ts";

/** The origins whose pages may call the server beside its own, or `*` for all. */
export type CorsOrigins = ReadonlySet<string> | "*";

export interface CrossOriginPolicy {
  /**
   * Whether a page of a foreign origin sent this request, and may not: requests with an unsafe method and RPCs need an
   * origin that is listed. Requests of other clients have neither header and always pass.
   */
  refuses(exchange: Exchange, isRpc: boolean): boolean;
  /** Adds the headers by which a page of a listed origin may read the response. Call it before the response begins. */
  addHeaders(exchange: Exchange): void;
  /** Responds to a preflight request of CORS; false for other requests, and for an origin that is not listed. */
  respondToPreflight(exchange: Exchange): boolean;
}

const safeMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

const exposedHeaders = [
  "ETag",
  "Duetkv-Revision",
  "Retry-After",
  "grpc-status",
  "grpc-message",
  "grpc-status-details-bin",
].join(", ");

/** How long a browser may remember a preflight, in seconds: the longest that Chromium does. */
const preflightSeconds = 7200;

/** CORS (the Fetch standard, section 3.2), and what keeps pages of other origins from writing without it. */
export function createCrossOriginPolicy(listed: CorsOrigins): CrossOriginPolicy {
  function isListed(origin: string): boolean {
    return listed === "*" || listed.has(origin);
  }

  return {
    refuses({ headers, method }, isRpc) {
      const { origin } = headers;
      const site = headers["sec-fetch-site"];
      if (origin === undefined && site === undefined) return false;
      if (!isRpc && safeMethods.has(method)) return false;
      if (origin === undefined) return site === "cross-site" && listed !== "*";
      return !isListed(origin) && !isOwnOrigin(origin, headers);
    },
    addHeaders(exchange) {
      const { origin } = exchange.headers;
      if (listed !== "*" && listed.size === 0) return;
      // Caches must not serve a page of one origin what they keep for another.
      if (listed !== "*") exchange.addHeader("vary", "Origin");
      if (origin === undefined || !isListed(origin)) return;
      exchange.addHeader("access-control-allow-origin", listed === "*" ? "*" : origin);
      exchange.addHeader("access-control-expose-headers", exposedHeaders);
    },
    respondToPreflight(exchange) {
      const { headers, method } = exchange;
      const { origin } = headers;
      if (method !== "OPTIONS" || origin === undefined || !isListed(origin)) return false;
      if (headers["access-control-request-method"] === undefined) return false;
      exchange.addHeader("access-control-allow-methods", "GET, HEAD, PUT, POST, DELETE");
      // Metadata of RPCs can have any name.
      const requested = headers["access-control-request-headers"];
      if (requested !== undefined) exchange.addHeader("access-control-allow-headers", requested);
      if (headers["access-control-request-private-network"] === "true") {
        exchange.addHeader("access-control-allow-private-network", "true");
      }
      exchange.addHeader("access-control-max-age", String(preflightSeconds));
      exchange.respond(204, {}, "");
      return true;
    },
  };
}

/** Whether a page came from this server: proxies may end TLS, so that the scheme does not count. */
function isOwnOrigin(origin: string, headers: IncomingHttpHeaders): boolean {
  const authority = headers.host ?? "";
  const scheme = /^(https?):\/\//.exec(origin);
  if (scheme === null) return false;
  const defaultPort = scheme[1] === "https" ? /:443$/ : /:80$/;
  return origin.slice(scheme[0].length) === authority.toLowerCase().replace(defaultPort, "");
}
