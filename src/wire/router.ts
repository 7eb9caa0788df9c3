import { setMaxListeners } from "node:events";
import { createRegistry } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { ForwardRequestSchema } from "../../gen/duetkv/internal/v1/forwarding_pb.ts";
import {
  BatchGetRequestSchema,
  CommitRequestSchema,
  WatchRequestSchema,
} from "../../gen/duetkv/v1/key_value_pb.ts";
import { forwardedOperationsMax, type Limits } from "../limits.ts";
import { type AllowedHosts, createHostCheck } from "./allowed-hosts.ts";
import type { Authenticate } from "./call/call.ts";
import { Compression } from "./call/compression.ts";
import type { Exchange } from "./call/exchange.ts";
import { type RequestTarget, splitRequestTarget } from "./call/request-target.ts";
import type { RpcRoute } from "./call/rpc-route.ts";
import { createConnectMount } from "./connect/connect-mount.ts";
import { createConnectGetRoute } from "./connect/get-route.ts";
import { createConnectRoute } from "./connect/route.ts";
import { type ConsoleFiles, createConsoleHandler, isConsolePath } from "./console-handler.ts";
import { type CorsOrigins, createCrossOriginPolicy } from "./cross-origin.ts";
import { createGrpcRoute } from "./grpc/route.ts";
import { createGrpcWebRoute } from "./grpc-web/route.ts";
import type { Stream } from "./http2/stream.ts";
import { sendIndexPage } from "./index-page.ts";
import { isValidAuthority } from "./listener/authority.ts";
import { Http2Exchange } from "./listener/http2-exchange.ts";
import { createMethodTable, type MethodEntry, type ServiceRegistration } from "./method-table.ts";
import { createOpenApiHandler, openApiPath } from "./openapi-handler.ts";
import { createCodecs, type ListLimits } from "./protobuf/codecs.ts";
import { refuseRpc } from "./refused-rpc.ts";
import type { RestConventions } from "./rest/convention.ts";
import { respondWithError } from "./rest/error-response.ts";
import type { Heartbeat } from "./rest/event-stream.ts";
import { keyValueConventions } from "./rest/key-value/conventions.ts";
import { createRestRoute } from "./rest/route.ts";
import { statusConventions } from "./rest/status/conventions.ts";
import { type OnError, reasonOf, wireError } from "./wire-error.ts";
import type { WireLog } from "./wire-log.ts";

export interface RouterOptions {
  readonly services: readonly ServiceRegistration[];
  readonly limits: Limits;
  readonly log: WireLog;
  /** Aborts the signal of every running call, with its own reason: a ConnectError reaches the client. */
  readonly shutdownSignal: AbortSignal;
  /** What REST does otherwise than the HTTP rules say. Default: those of our services. */
  readonly conventions?: RestConventions;
  /** Default: none, which keeps pages of other origins out. */
  readonly corsOrigins?: CorsOrigins;
  /** Responds to all that is no call of an RPC. Default: REST, its OpenAPI document, and a page at the root. */
  readonly pages?: (exchange: Exchange, target: RequestTarget) => void;
  /** The web console at `/console/`. Default: none. */
  readonly console?: ConsoleFiles | undefined;
  /** Default: any. */
  readonly allowedHosts?: AllowedHosts;
  /** Told of every failed call with its reason; the method is undefined when the request names none that is served. */
  readonly onCallFailed?: (method: MethodEntry | undefined, reason: string) => void;
  /** Default: callers are not asked who they are. */
  readonly authenticate?: Authenticate | undefined;
  /** For tests. Default: every 15 s. */
  readonly heartbeat?: Heartbeat;
  /** For tests. False sends every RPC through Connect's handlers. Default: true. */
  readonly fastPath?: boolean;
}

/** Finds out which protocol and which method a request is for. */
export interface Router {
  /** Every method that is served, by its path `/package.Service/Method`. */
  readonly methods: ReadonlyMap<string, MethodEntry>;
  /** Responds to a request of any protocol on a stream of HTTP/2. */
  handleStream(stream: Stream): void;
  /** Responds to a request of any protocol. */
  handle(exchange: Exchange): void;
}

// Connect's type for JSON is that of REST, too.
const rpcType = /^application\/(?:grpc|connect\+|proto)/i;

/** Node's own test for the one expectation that HTTP defines (RFC 9110, section 10.1.1). */
const continueExpectation = /(?:^|\W)100-continue(?:$|\W)/i;

function hasUnknownExpectation({ headers: { expect } }: Exchange): boolean {
  return expect !== undefined && !continueExpectation.test(expect);
}

/** Serves the services in every protocol. Throws when their HTTP rules make no sense. */
export function createRouter(routerOptions: RouterOptions): Router {
  const onError: OnError = (path, error) => routerOptions.onCallFailed?.(methods.get(path), reasonOf(error));
  const { requestBytesMax } = routerOptions.limits;
  const compression = new Compression();
  const options = { ...routerOptions, onError, requestBytesMax, compression };
  const { services, shutdownSignal } = options;
  // Each running call listens; their number is bounded by the connections, and more than ten are no leak.
  setMaxListeners(0, shutdownSignal);
  const registry = createRegistry(...services.map(({ service }) => service.file));
  const methods = createMethodTable(services);
  const listLimits = createListLimits(options.limits);
  const codecs = createCodecs(registry, listLimits);
  const connect = createConnectMount({ ...options, registry });
  const conventions = options.conventions ?? new Map([...keyValueConventions, ...statusConventions]);
  const restOptions = { ...options, conventions, methods: methods.values(), registry, listLimits };
  const rest = createRestRoute(restOptions);

  const serviceNames = new Set(services.map(({ service }) => service.typeName));

  function isForRpc({ headers }: Exchange, path: string): boolean {
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

  const hasFastPath = options.fastPath !== false;
  const grpc = createGrpcRoute(methods, codecs, options);
  const rpcRoutes: readonly RpcRoute[] = [
    (exchange) => grpc.serveExchange(exchange),
    createConnectRoute(methods, codecs, registry, options),
    createConnectGetRoute(methods, codecs, registry, options),
    createGrpcWebRoute(methods, codecs, options),
  ];

  const crossOrigin = createCrossOriginPolicy(options.corsOrigins ?? new Set());
  const hasAllowedHost = createHostCheck(options.allowedHosts ?? "*");

  /** Responds to what no handler shall see; false: the request passes. */
  function keepOut(exchange: Exchange, path: string): boolean {
    crossOrigin.addHeaders(exchange);
    if (!hasAllowedHost(exchange)) {
      const message = "Host is not a name of the loopback interface; --allowed-hosts lists further names";
      refuse(exchange, path, wireError(Code.PermissionDenied, "HOST_NOT_ALLOWED", message));
      return true;
    }
    if (crossOrigin.respondToPreflight(exchange)) return true;
    const { origin } = exchange.headers;
    if (origin === undefined && exchange.headers["sec-fetch-site"] === undefined) return false;
    if (!crossOrigin.refuses(exchange, methods.has(path) || isForRpc(exchange, path))) return false;
    const message = `pages of ${origin === undefined ? "other sites" : "this origin"} may not call this server; --cors-origin lists those that may`;
    refuse(exchange, path, wireError(Code.PermissionDenied, "ORIGIN_NOT_ALLOWED", message));
    return true;
  }

  function refuse(exchange: Exchange, path: string, error: ConnectError): void {
    onError(path, error);
    if (methods.has(path) || isForRpc(exchange, path)) refuseRpc(exchange, error);
    else respondWithError(exchange, error);
  }

  const openApi = createOpenApiHandler(options);
  const consoleHandler = options.console && createConsoleHandler(options.console, options);

  function handle(exchange: Exchange): void {
    const { method } = exchange;
    const target = isValidAuthority(exchange.headers.host) ? splitRequestTarget(exchange.target) : undefined;
    if (target === undefined) {
      const message = "invalid Host header or request target";
      const error = wireError(Code.InvalidArgument, "REQUEST_MALFORMED", message);
      onError("", error);
      respondWithError(exchange, error);
    } else if (keepOut(exchange, target.path)) {
      return;
    } else if (hasUnknownExpectation(exchange)) {
      const message = "Expect may only be 100-continue";
      const error = wireError(Code.InvalidArgument, "EXPECTATION_UNSUPPORTED", message);
      onError(target.path, error);
      respondWithError(exchange, error);
    } else if (methods.has(target.path)) {
      if (hasFastPath && rpcRoutes.some((route) => route(exchange, target))) return;
      connect(exchange, target.path, target.query);
    } else if (options.pages !== undefined && !isForRpc(exchange, target.path)) {
      options.pages(exchange, target);
    } else if (target.path === openApiPath) {
      openApi(exchange);
    } else if (target.path === "/" && (method === "GET" || method === "HEAD")) {
      sendIndexPage(exchange, consoleHandler !== undefined);
    } else if (consoleHandler !== undefined && isConsolePath(target.path)) {
      consoleHandler(exchange, target.path);
    } else if (isForRpc(exchange, target.path)) {
      refuse(exchange, target.path, describeUnknown(target.path));
    } else {
      rest(exchange, target);
    }
  }

  return {
    methods,
    handleStream(stream) {
      if (!hasFastPath || !grpc.serveStream(stream)) handle(new Http2Exchange(stream));
    },
    handle,
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
  const forward = {
    // With the checks and mutations in them.
    elementsMax: 10 * forwardedOperationsMax,
    message: `at most ${forwardedOperationsMax} operations are forwarded at once`,
  };
  return new Map([
    [CommitRequestSchema.typeName, commit],
    [BatchGetRequestSchema.typeName, batchGet],
    [WatchRequestSchema.typeName, watch],
    [ForwardRequestSchema.typeName, forward],
  ]);
}
