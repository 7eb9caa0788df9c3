import { Code } from "@connectrpc/connect";
import type { CallOptions } from "./call/call.ts";
import { respondEncoded } from "./call/content-encoding.ts";
import type { Exchange } from "./call/exchange.ts";
import { respondWithError } from "./rest/error-response.ts";
import { wireError } from "./wire-error.ts";

/** The files of the web console by their names; `index.html` is the page. */
export type ConsoleFiles = ReadonlyMap<string, Uint8Array>;

const root = "/console/";

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
};

/** Values are on the same origin: nothing that is not a file of the console may run in its page or frame it. */
const securityHeaders = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** Whether a path is that of the console or of one of its files. */
export function isConsolePath(path: string): boolean {
  return path === "/console" || path.startsWith(root);
}

/** Responds to every request for the console. The files need no credentials: they contain no data. */
export function createConsoleHandler(
  files: ConsoleFiles,
  { onError, log, compression }: CallOptions,
): (exchange: Exchange, path: string) => void {
  return (exchange, path) => {
    const { method } = exchange;
    if (method !== "GET" && method !== "HEAD") {
      const message = `${method} is not allowed here; allowed: GET, HEAD`;
      const error = wireError(Code.Unimplemented, "METHOD_NOT_ALLOWED", message);
      onError("", error);
      return respondWithError(exchange, error, undefined, { allow: "GET, HEAD" });
    }
    // Relative: a proxy may have taken off a path.
    if (path === "/console") return exchange.respond(308, { location: "console/" }, "");
    const name = path === root ? "index.html" : path.slice(root.length);
    const body = files.get(name);
    if (body === undefined) {
      const error = wireError(Code.NotFound, "NO_SUCH_ROUTE", "unknown file of the console");
      onError("", error);
      return respondWithError(exchange, error);
    }
    const headers = {
      ...securityHeaders,
      "content-type": types[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream",
      // The names of all other files contain a hash of their content.
      "cache-control": name === "index.html" ? "no-cache" : "public, max-age=31536000, immutable",
    };
    respondEncoded(exchange, compression, 200, headers, body)?.catch((error: unknown) => {
      log.error({ err: error }, "response could not be written");
      exchange.abort();
    });
  };
}
