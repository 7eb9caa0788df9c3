import type { OutgoingHttpHeaders } from "node:http";
import { constants, type Http2ServerResponse } from "node:http2";
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { type BodyReader, readBody } from "../body.ts";
import { HttpCall } from "../http-call.ts";
import { type HttpRequest, type HttpResponse, isGone } from "../http-exchange.ts";
import { Invocation, invokeUnary, type UnaryCaller } from "../invocation.ts";
import type { MethodEntry } from "../method-table.ts";
import { linger } from "../rest/error-answer.ts";
import { toReportedError } from "../wire-error.ts";
import type { HttpProtocol } from "./http-protocol.ts";
import type { LaneOptions } from "./lane.ts";

/**
 * Answers unary calls of Connect and gRPC-Web. False, with nothing consumed, for whatever it does not know: streaming
 * methods, GET, compressed requests, unusual headers.
 */
export function createHttpLane(
  options: LaneOptions,
  protocols: ReadonlyMap<string, HttpProtocol>,
): (request: HttpRequest, response: HttpResponse, path: string) => boolean {
  const { methods } = options;
  return (request, response, path) => {
    const { headers } = request;
    const protocol = protocols.get(headers["content-type"] ?? "");
    const entry = methods.get(path);
    if (protocol === undefined || entry?.spec.kind !== "unary" || request.method !== "POST") return false;
    if (headers.expect !== undefined || !protocol.knows(headers)) return false;
    // The absolute form of a target says more than the path.
    if (request.url?.startsWith("/") !== true) return false;
    const timeoutMs = protocol.readTimeout(headers);
    if (typeof timeoutMs === "string") return false;
    new HttpLaneCall(request, response, entry, protocol, options, timeoutMs).begin();
    return true;
  };
}

/** One call of Connect or gRPC-Web on its way: its body comes in, its handler is called, its answer goes out. */
class HttpLaneCall extends HttpCall implements BodyReader, UnaryCaller {
  readonly #entry: MethodEntry;
  readonly #protocol: HttpProtocol;
  readonly #options: LaneOptions;
  readonly #invocation: Invocation;

  constructor(
    request: HttpRequest,
    response: HttpResponse,
    entry: MethodEntry,
    protocol: HttpProtocol,
    options: LaneOptions,
    timeoutMs: number | undefined,
  ) {
    super(request, response, protocol.name);
    this.#entry = entry;
    this.#protocol = protocol;
    this.#options = options;
    this.#invocation = new Invocation(entry, this, options.shutdownSignal, timeoutMs);
  }

  begin(): void {
    const bytesMax = this.#options.limits.requestBytesMax + this.#protocol.envelopeBytes;
    readBody(this.request, this.request.headers, bytesMax, this.#invocation, this);
  }

  receive(body: Buffer): void {
    const { input } = this.#entry.spec.method;
    try {
      const message = this.#protocol.decode(input, body, this.#options.limits.requestBytesMax);
      invokeUnary(this.#entry, message, this.#invocation, this);
    } catch (error) {
      this.fail(error);
    }
  }

  succeed(result: MessageInitShape<DescMessage>): void {
    const { output } = this.#entry.spec.method;
    try {
      write(this.request, this.response, this.#protocol.encode(output, result, this.#invocation));
    } catch (error) {
      this.fail(error);
    }
  }

  fail(thrown: unknown): void {
    this.#invocation.finish();
    const { log } = this.#options;
    const { path } = this.#entry;
    const error = toReportedError(thrown, this.#options, path);
    try {
      write(this.request, this.response, this.#protocol.encodeError(error, this.#invocation));
    } catch (unwritable) {
      log.error({ err: unwritable, path }, "response could not be written");
      this.response.destroy();
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
