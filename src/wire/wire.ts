import { setMaxListeners } from "node:events";
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { createRegistry } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import {
  BatchGetRequestSchema,
  CommitRequestSchema,
  WatchRequestSchema,
} from "../../gen/duetkv/v1/key_value_pb.ts";
import type { Limits } from "../limits.ts";
import { type AllowedHosts, createHostCheck } from "./allowed-hosts.ts";
import { hasValidAuthority } from "./authority.ts";
import { createConnectMount } from "./connect/connect-mount.ts";
import { type CorsOrigins, createCrossOriginPolicy } from "./cross-origin.ts";
import type { HttpRequest, HttpResponse } from "./http-exchange.ts";
import { sendIndexPage } from "./index-page.ts";
import { createLane } from "./lane/lane.ts";
import { createMethodTable, type MethodEntry, type ServiceRegistration } from "./method-table.ts";
import { createOpenApiHandler, openApiPath } from "./openapi-handler.ts";
import { createCodecs, type ListLimits } from "./protobuf/codecs.ts";
import { refuseRpc } from "./refused-rpc.ts";
import { splitRequestTarget } from "./request-target.ts";
import type { RestConventions } from "./rest/convention.ts";
import { answerError } from "./rest/error-answer.ts";
import type { Heartbeat } from "./rest/event-stream.ts";
import { keyValueConventions } from "./rest/key-value/conventions.ts";
import { createRestHandler } from "./rest/rest-handler.ts";
import { type OnError, reasonOf, wireError } from "./wire-error.ts";
import type { WireLog } from "./wire-log.ts";

export interface WireOptions {
  readonly services: readonly ServiceRegistration[];
  readonly limits: Limits;
  readonly log: WireLog;
  /** Aborts the signal of every running call, with its own reason: a ConnectError reaches the client. */
  readonly shutdownSignal: AbortSignal;
  /** What REST does otherwise than the HTTP rules say. Default: those of the key-value service. */
  readonly conventions?: RestConventions;
  /** Default: none, which keeps pages of other origins out. */
  readonly corsOrigins?: CorsOrigins;
  /** Default: any. */
  readonly allowedHosts?: AllowedHosts;
  /** Told of every failed call with its reason; the method is undefined when the request names none that is served. */
  readonly onCallFailed?: (method: MethodEntry | undefined, reason: string) => void;
  /** For tests. Default: every 15 s. */
  readonly heartbeat?: Heartbeat;
  /** For tests. False sends the calls of the direct lane through Connect. Default: true. */
  readonly lane?: boolean;
}

export interface Wire {
  /** Every method that is served, by its path `/package.Service/Method`. */
  readonly methods: ReadonlyMap<string, MethodEntry>;
  /** Answers an HTTP/2 stream if it is one for the direct lane; false: nothing was consumed, `handle` is to take it. */
  handleStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): boolean;
  /** Answers a request of any protocol. */
  handle(request: HttpRequest, response: HttpResponse): void;
}

// Connect's type for JSON is that of REST, too.
const rpcType = /^application\/(?:grpc|connect\+|proto)/i;

/** Serves the services in every protocol. Throws when their HTTP rules make no sense. */
export function createWire(wireOptions: WireOptions): Wire {
  const onError: OnError = (path, error) => wireOptions.onCallFailed?.(methods.get(path), reasonOf(error));
  const options = { ...wireOptions, onError };
  const { services, shutdownSignal } = options;
  // Each running call listens; their number is bounded by the connections, and more than ten are no leak.
  setMaxListeners(0, shutdownSignal);
  const registry = createRegistry(...services.map(({ service }) => service.file));
  const methods = createMethodTable(services);
  const listLimits = createListLimits(options.limits);
  const codecs = createCodecs(registry, listLimits);
  const connect = createConnectMount({ ...options, registry });
  const conventions = options.conventions ?? keyValueConventions;
  const restOptions = { ...options, conventions, methods: methods.values(), registry, listLimits };
  const rest = createRestHandler(restOptions);

  const serviceNames = new Set(services.map(({ service }) => service.typeName));

  function isForRpc({ headers }: HttpRequest, path: string): boolean {
    return (
      serviceNames.has(path.slice(1, path.indexOf("/", 1))) || rpcType.test(headers["content-type"] ?? "")
    );
  }

  function describeUnknown(path: string): ConnectError {
    const [, service = "", method = ""] = path.split("/", 3);
    const message = serviceNames.has(service)
      ? `service ${service} has no method ${method}`
      : `unknown service ${service}`;
    return wireError(Code.Unimplemented, "NO_SUCH_METHOD", message);
  }

  const lane = options.lane === false ? undefined : createLane({ ...options, methods, registry, codecs });

  const crossOrigin = createCrossOriginPolicy(options.corsOrigins ?? new Set());
  const hasAllowedHost = createHostCheck(options.allowedHosts ?? "*");

  /** Responds to what no handler shall see; false: the request passes. */
  function keepOut(request: HttpRequest, response: HttpResponse, path: string): boolean {
    crossOrigin.addHeaders(request, response);
    if (!hasAllowedHost(request)) {
      const message = "Host is not a name of the loopback interface; --allowed-hosts lists further names";
      refuse(request, response, path, wireError(Code.PermissionDenied, "HOST_NOT_ALLOWED", message));
      return true;
    }
    if (crossOrigin.respondToPreflight(request, response)) return true;
    const { origin } = request.headers;
    if (origin === undefined && request.headers["sec-fetch-site"] === undefined) return false;
    if (!crossOrigin.refuses(request, methods.has(path) || isForRpc(request, path))) return false;
    const message = `pages of ${origin === undefined ? "other sites" : "this origin"} may not call this server; --cors-origin lists those that may`;
    refuse(request, response, path, wireError(Code.PermissionDenied, "ORIGIN_NOT_ALLOWED", message));
    return true;
  }

  function refuse(request: HttpRequest, response: HttpResponse, path: string, error: ConnectError): void {
    onError(path, error);
    if (methods.has(path) || isForRpc(request, path)) refuseRpc(request, response, error);
    else answerError(request, response, error);
  }

  const openApi = createOpenApiHandler();

  return {
    methods,
    handleStream: (stream, headers) =>
      // Requests of pages go the long way, where their origin is checked.
      headers.origin === undefined &&
      headers["sec-fetch-site"] === undefined &&
      lane?.handleStream(stream, headers) === true,
    handle(request, response) {
      const target = hasValidAuthority(request) ? splitRequestTarget(request.url ?? "") : undefined;
      if (target === undefined) {
        const message = "invalid Host header or request target";
        const error = wireError(Code.InvalidArgument, "REQUEST_MALFORMED", message);
        onError("", error);
        answerError(request, response, error);
      } else if (keepOut(request, response, target.path)) {
        return;
      } else if (methods.has(target.path)) {
        if (lane?.handleRequest(request, response, target.path) === true) return;
        connect(request, response, target.path, target.query);
      } else if (target.path === openApiPath) {
        openApi(request, response);
      } else if (target.path === "/" && (request.method === "GET" || request.method === "HEAD")) {
        sendIndexPage(request, response);
      } else if (isForRpc(request, target.path)) {
        refuse(request, response, target.path, describeUnknown(target.path));
      } else {
        rest(request, response, target);
      }
    },
  };
}

/** The limits of the service on its lists, which are known while a request is decoded. */
function createListLimits({ commitOperationsMax, batchGetKeysMax }: Limits): ListLimits {
  const commit = {
    elementsMax: commitOperationsMax,
    message: `a commit has at most ${commitOperationsMax} operations`,
  };
  const watch = {
    elementsMax: batchGetKeysMax,
    message: `a watch has at most ${batchGetKeysMax} keys and prefixes`,
  };
  const batchGet = { elementsMax: batchGetKeysMax, message: `a batch reads 1 to ${batchGetKeysMax} keys` };
  return new Map([
    [CommitRequestSchema.typeName, commit],
    [BatchGetRequestSchema.typeName, batchGet],
    [WatchRequestSchema.typeName, watch],
  ]);
}
