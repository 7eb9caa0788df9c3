import type { OutgoingHttpHeaders } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import { constants } from "node:http2";
import { Code, type ConnectError } from "@connectrpc/connect";
import { errorToJson } from "@connectrpc/connect/protocol-connect";
import type { HttpRequest, HttpResponse } from "../http-exchange.ts";
import { isGone } from "../http-exchange.ts";
import { findErrorInfo } from "../wire-error.ts";
import { toHttpStatus } from "./error-status.ts";

// How much of a refused body is read and thrown away, and for how long, so that the client gets to read the answer.
const lingerBytesMax = 16 * 1024 * 1024;
const lingerMs = 5000;

/** An error in Connect's JSON. */
export function toErrorJson(error: ConnectError): string {
  return JSON.stringify(errorToJson(error, undefined));
}

/** Answers with an error, unless an answer has begun. The connection can be used on, or is closed in good order. */
export function answerError(
  request: HttpRequest,
  response: HttpResponse,
  error: ConnectError,
  status: number = toHttpStatus(error),
  extraHeaders: OutgoingHttpHeaders = {},
): void {
  if (isGone(response)) return;
  if (response.headersSent) {
    response.end();
    return;
  }
  const body = toErrorJson(error);
  const headers: OutgoingHttpHeaders = { ...errorHeaders(error), ...extraHeaders };
  headers["content-type"] = "application/json";
  headers["content-length"] = Buffer.byteLength(body);
  const lingers = !request.complete && findErrorInfo(error)?.reason === "REQUEST_TOO_LARGE";
  if (lingers && request.httpVersionMajor === 1) headers["connection"] = "close";
  response.writeHead(status, headers);
  if (lingers) linger(request, response, body);
  else if (request.method === "HEAD") response.end();
  else response.end(body);
}

function errorHeaders(error: ConnectError): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of error.metadata) headers[name] = value;
  const metadata = findErrorInfo(error)?.metadata ?? {};
  const currentRevision = metadata["current_revision"] ?? "0";
  if (/^[1-9]\d*$/.test(currentRevision)) headers["etag"] = `"${currentRevision}"`;
  if (metadata["revision"] !== undefined) headers["duetkv-revision"] = metadata["revision"];
  if (error.code === Code.Unavailable) headers["retry-after"] = "1";
  if (error.code === Code.Unauthenticated) headers["www-authenticate"] ??= "Bearer";
  return headers;
}

/**
 * Sends the answer, then reads on for a while before the connection goes: closing with unread bytes makes a reset, and
 * a client that is still sending would see that in place of the answer.
 */
export function linger(request: HttpRequest, response: HttpResponse, body: string | Uint8Array): void {
  const finish = (): void => {
    clearTimeout(timer);
    request.off("data", count);
    response.end();
    // An HTTP/2 peer is told to stop; its other streams are not concerned.
    const { stream } = response as unknown as Http2ServerResponse;
    if (stream !== undefined && !stream.destroyed) stream.close(constants.NGHTTP2_NO_ERROR);
  };
  let left = lingerBytesMax;
  const count = (chunk: Buffer): void => {
    left -= chunk.length;
    if (left < 0) finish();
  };
  const timer = setTimeout(finish, lingerMs);
  if (request.method === "HEAD") response.write("");
  else response.write(body);
  request.on("data", count);
  request.once("end", finish);
  request.once("close", finish);
  request.resume();
}
