import type { OutgoingHttpHeaders } from "node:http";
import { Code, type ConnectError } from "@connectrpc/connect";
import { errorToJson } from "@connectrpc/connect/protocol-connect";
import type { Exchange } from "../call/exchange.ts";
import { findErrorInfo } from "../wire-error.ts";
import { toHttpStatus } from "./error-status.ts";

/** An error in Connect's JSON. */
export function toErrorJson(error: ConnectError): string {
  return JSON.stringify(errorToJson(error, undefined));
}

/** Responds with an error; a response that has begun is only ended. */
export function respondWithError(
  exchange: Exchange,
  error: ConnectError,
  status: number = toHttpStatus(error),
  extraHeaders: OutgoingHttpHeaders = {},
): void {
  if (exchange.headersSent) return exchange.end();
  const headers = { ...errorHeaders(error), ...extraHeaders, "content-type": "application/json" };
  exchange.respond(status, headers, toErrorJson(error));
}

function errorHeaders(error: ConnectError): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of error.metadata) headers[name] = value;
  const { reason, metadata = {} } = findErrorInfo(error) ?? {};
  const currentRevision = metadata["current_revision"] ?? "0";
  if (/^[1-9]\d*$/.test(currentRevision)) headers["etag"] = `"${currentRevision}"`;
  if (metadata["revision"] !== undefined) headers["duetkv-revision"] = metadata["revision"];
  if (error.code === Code.Unavailable || reason === "RATE_LIMITED") {
    headers["retry-after"] = String(Math.max(1, Math.ceil(Number(metadata["retry_after_ms"] ?? "0") / 1000)));
  }
  if (error.code === Code.Unauthenticated) headers["www-authenticate"] ??= "Bearer";
  return headers;
}
