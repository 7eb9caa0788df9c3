import type { OutgoingHttpHeaders } from "node:http";
import { constants, type Http2ServerResponse } from "node:http2";
import type { Message } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { readBody } from "../body.ts";
import { HttpCall } from "../http-call.ts";
import { type HttpRequest, type HttpResponse, isGone } from "../http-exchange.ts";
import { Invocation, invokeUnary } from "../invocation.ts";
import type { MethodEntry } from "../method-table.ts";
import { linger } from "../rest/error-answer.ts";
import { toConnectError } from "../wire-error.ts";
import type { HttpProtocol } from "./http-protocol.ts";
import type { LaneOptions } from "./lane.ts";

/**
 * Answers unary calls of Connect and gRPC-Web. False, with nothing consumed, for whatever it does not know: streaming
 * methods, GET, compressed requests, unusual headers.
 */
export function createHttpLane(
  { methods, limits, shutdownSignal, log }: LaneOptions,
  protocols: ReadonlyMap<string, HttpProtocol>,
): (request: HttpRequest, response: HttpResponse, path: string) => boolean {
  return (request, response, path) => {
    const { headers } = request;
    const protocol = protocols.get(headers["content-type"] ?? "");
    const entry = methods.get(path);
    if (protocol === undefined || entry?.spec.kind !== "unary" || request.method !== "POST") return false;
    if (headers.expect !== undefined || !protocol.knows(headers)) return false;
    // The absolute form of a target says more than the path.
    if (request.url?.startsWith("/") !== true) return false;
    const timeoutMs = protocol.readTimeout(headers);
    if (timeoutMs === "odd") return false;
    const caller = new HttpCall(request, response, protocol.name);
    serve(caller, entry, protocol, new Invocation(entry, caller, shutdownSignal, timeoutMs));
    return true;
  };

  function serve(
    { request, response }: HttpCall,
    entry: MethodEntry,
    protocol: HttpProtocol,
    invocation: Invocation,
  ): void {
    const { input, output } = entry.spec.method;
    const bytesMax = limits.requestBytesMax + protocol.envelopeBytes;
    readBody(request, request.headers, bytesMax, invocation, receive, fail);

    function receive(body: Buffer): void {
      try {
        const message = protocol.decode(input, body, limits.requestBytesMax);
        invokeUnary(entry, message, invocation, succeed, fail);
      } catch (error) {
        fail(error);
      }
    }

    function succeed(result: Message): void {
      try {
        write(request, response, protocol.encode(output, result, invocation));
      } catch (error) {
        fail(error);
      }
    }

    function fail(thrown: unknown): void {
      invocation.finish();
      const error = toConnectError(thrown);
      if (error !== thrown && error.code === Code.Internal) {
        log.error({ err: thrown, path: entry.path }, "a call failed unexpectedly");
      }
      try {
        write(request, response, protocol.encodeError(error, invocation));
      } catch (unwritable) {
        log.error({ err: unwritable, path: entry.path }, "an answer could not be written");
        response.destroy();
      }
    }
  }
}

/** What a protocol makes of an answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Uint8Array;
}

function write(request: HttpRequest, response: HttpResponse, { status, headers, body }: HttpAnswer): void {
  if (isGone(response) || response.headersSent) return;
  headers["content-length"] = body.length;
  if (request.complete) {
    response.writeHead(status, headers);
    response.end(body);
  } else if (request.httpVersionMajor === 1) {
    headers["connection"] = "close";
    response.writeHead(status, headers);
    linger(request, response, body);
  } else {
    const { stream } = response as unknown as Http2ServerResponse;
    response.writeHead(status, headers);
    // A peer that is still sending what nobody reads is told to stop.
    response.once("finish", () => stream.close(constants.NGHTTP2_NO_ERROR));
    response.end(body);
  }
}
