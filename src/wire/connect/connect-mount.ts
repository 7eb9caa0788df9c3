import type { Registry } from "@bufbuild/protobuf";
import { Code, ConnectError, type ContextValues, createConnectRouter } from "@connectrpc/connect";
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import type { Reason } from "../../reasons.ts";
import type { CallOptions } from "../call/call.ts";
import type { Exchange } from "../call/exchange.ts";
import { toHeaders } from "../call/headers.ts";
import { HeldBytes } from "../call/held-bytes.ts";
import { toNodeHeaders } from "../call/node-headers.ts";
import { parseConnectTimeout, parseGrpcTimeout } from "../call/timeouts.ts";
import type { ServiceRegistration } from "../method-table.ts";
import { refuseRpc } from "../refused-rpc.ts";
import { respondWithError } from "../rest/error-response.ts";
import { clientGone, connectionAged, wireError } from "../wire-error.ts";
import { authenticateCalls, exchangeKey } from "./authenticate-calls.ts";
import { createCompressions, withCompressions } from "./compressions.ts";
import { createCallValues, noteHandlerFailure, withReasons } from "./error-reasons.ts";
import { readRequestBody } from "./request-body.ts";
import { drainedOrOver, endWithSignal } from "./stream-signal.ts";

export interface ConnectMountOptions extends CallOptions {
  readonly services: readonly ServiceRegistration[];
  readonly registry: Registry;
}

/** Serves gRPC, gRPC-Web and Connect by Connect's own pipeline. `path` is one of the paths of the method table. */
export type ConnectMount = (exchange: Exchange, path: string, query: string) => void;

// A page or a response to BatchGet is bounded by the service; this only keeps a mistake from taking all memory.
const writeBytesMax = 64 * 1024 * 1024;

/**
 * Mounts the services on Connect: its universal handlers on our exchanges, whichever version of HTTP they speak.
 */
export function createConnectMount(options: ConnectMountOptions): ConnectMount {
  const { log, onError, requestBytesMax, authenticate } = options;
  const router = createConnectRouter({
    readMaxBytes: requestBytesMax,
    writeMaxBytes: writeBytesMax,
    acceptCompression: createCompressions(options.compression, ["gzip", "br"]),
    compressMinBytes: Number.POSITIVE_INFINITY,
    jsonOptions: { registry: options.registry, alwaysEmitImplicit: true, ignoreUnknownFields: false },
    shutdownSignal: options.shutdownSignal,
    interceptors: [
      endWithSignal,
      noteHandlerFailure,
      ...(authenticate ? [authenticateCalls(authenticate, log)] : []),
    ],
  });
  for (const { service, implementation } of options.services) router.service(service, implementation);
  const handlers = new Map<string, UniversalHandler>(router.handlers.map((h) => [h.requestPath, h]));

  async function serve(held: HeldBytes, handler: UniversalHandler, path: string, query: string) {
    const { exchange } = held;
    const contextValues = createCallValues().set(exchangeKey, exchange);
    const request = toUniversalRequest(exchange, path, query);
    if (request === undefined) {
      const message = "invalid Host header or request target";
      const error = wireError(Code.InvalidArgument, "REQUEST_MALFORMED", message);
      onError(path, error);
      return refuseRpc(exchange, error);
    }
    const body = readRequestBody(held, requestBytesMax);
    const response = await handler({ ...request, body, contextValues });
    const refusal = refusals[response.status];
    if (refusal === undefined) {
      const onClientError = (error: ConnectError): void => {
        if (!exchange.gone) onError(path, error);
      };
      return send(exchange, contextValues, withReasons(response, contextValues, onClientError));
    }
    const error = wireError(refusal.code, refusal.reason, refusal.message);
    onError(path, error);
    const extra = response.status === 405 ? { allow: handler.allowedMethods.join(", ") } : {};
    respondWithError(exchange, error, response.status, extra);
  }

  return (exchange, path, query) => {
    const handler = handlers.get(path);
    if (handler === undefined) throw new Error(`${path} is not mounted`);
    const held = new HeldBytes(exchange);
    withCompressions(held, () => serve(held, handler, path, query)).catch((error: unknown) => {
      // The client has left or has reset the stream: nobody is there to be told, and it is no fault of ours.
      if (exchange.gone || ConnectError.from(error).code === Code.Aborted) return;
      log.error({ err: error, path }, "response could not be written");
      exchange.abort();
    });
  };
}

/** Undefined when the host cannot be part of a URL. */
function toUniversalRequest(
  exchange: Exchange,
  path: string,
  query: string,
): Omit<UniversalServerRequest, "body" | "contextValues"> | undefined {
  const { httpVersion, method, headers, encrypted } = exchange;
  const url = `${encrypted ? "https" : "http"}://${headers.host}${path}${query === "" ? "" : `?${query}`}`;
  if (!URL.canParse(url)) return undefined;
  const header = toHeaders(headers);
  dropEndlessTimeouts(header);
  const left = new AbortController();
  exchange.whenGone(() => left.abort(clientGone()));
  exchange.whenEnding(() => left.abort(connectionAged()));
  return {
    httpVersion: httpVersion === 1 ? "1.1" : "2.0",
    method,
    url,
    header,
    signal: left.signal,
  };
}

async function send(
  exchange: Exchange,
  values: ContextValues,
  response: UniversalServerResponse,
): Promise<void> {
  // Headers go out after the first part of the body, and trailers after the last: handlers may set some until then.
  const parts = response.body?.[Symbol.asyncIterator]();
  try {
    let part = await parts?.next();
    exchange.begin(response.status, toNodeHeaders(new Headers(response.header)));
    for (; part?.done === false; part = await parts?.next()) {
      if (!exchange.write(part.value)) await drainedOrOver(exchange, values);
      if (exchange.gone) return;
    }
    const { trailer } = response;
    exchange.end(trailer === undefined ? undefined : toNodeHeaders(new Headers(trailer)));
  } finally {
    parts?.return?.().then(undefined, () => {});
  }
}

/** What Connect refuses with a status alone. */
const refusals: Readonly<Record<number, { code: Code; reason: Reason; message: string }>> = {
  405: {
    code: Code.Unimplemented,
    reason: "METHOD_NOT_ALLOWED",
    message: "this RPC cannot be called by this HTTP method",
  },
  415: {
    code: Code.InvalidArgument,
    reason: "CONTENT_TYPE_UNSUPPORTED",
    message: "unsupported content type",
  },
  505: {
    code: Code.Unimplemented,
    reason: "HTTP_VERSION_UNSUPPORTED",
    message: "this protocol needs HTTP/2",
  },
};

/** Connect would give a timer more milliseconds than it can count, and the deadline would pass at once. */
function dropEndlessTimeouts(headers: Headers): void {
  if (parseGrpcTimeout(headers.get("grpc-timeout") ?? undefined) === "endless")
    headers.delete("grpc-timeout");
  if (parseConnectTimeout(headers.get("connect-timeout-ms") ?? undefined) === "endless")
    headers.delete("connect-timeout-ms");
}
