import { type Message, type Registry, toJson as toJsonValue } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import type { Limits } from "../../limits.ts";
import { parseConnectTimeout } from "../deadline.ts";
import { HttpCall } from "../http-call.ts";
import { type HttpRequest, type HttpResponse, isGone } from "../http-exchange.ts";
import { Invocation, invokeUnary } from "../invocation.ts";
import type { MethodEntry } from "../method-table.ts";
import type { RequestTarget } from "../request-target.ts";
import { toConnectError, wireError } from "../wire-error.ts";
import type { WireLog } from "../wire-log.ts";
import type { RestAnswer, RestConventions } from "./convention.ts";
import { answerError } from "./error-answer.ts";
import { answerWithEvents, everyFifteenSeconds, type Heartbeat } from "./event-stream.ts";
import { readRequest } from "./request-reader.ts";
import { createRestRoutes, type RestRoute } from "./rest-route.ts";
import type { RouteMatch } from "./route-tree.ts";

export interface RestOptions {
  readonly methods: Iterable<MethodEntry>;
  readonly conventions: RestConventions;
  readonly limits: Limits;
  readonly registry: Registry;
  readonly shutdownSignal: AbortSignal;
  readonly log: WireLog;
  /** For tests. Default: every 15 s. */
  readonly heartbeat?: Heartbeat;
}

/** Answers every request in some way; never throws. */
export type RestHandler = (request: HttpRequest, response: HttpResponse, target: RequestTarget) => void;

/** Serves the google.api.http rules of the methods. Throws when a rule makes no sense. */
export function createRestHandler(options: RestOptions): RestHandler {
  const { limits, log, registry, shutdownSignal } = options;
  const heartbeat = options.heartbeat ?? everyFifteenSeconds;
  const routes = createRestRoutes(options.methods, options.conventions);
  const jsonOptions = { alwaysEmitImplicit: true, registry };

  function toJsonText({ entry, responseBody }: RestRoute, message: Message): string {
    const { output } = entry.spec.method;
    if (responseBody?.fieldKind === "message" && responseBody.oneof === undefined) {
      const part = (message as unknown as Record<string, Message | undefined>)[responseBody.localName];
      return JSON.stringify(part === undefined ? null : toJsonValue(responseBody.message, part, jsonOptions));
    }
    const json = toJsonValue(output, message, jsonOptions);
    if (responseBody === undefined) return JSON.stringify(json);
    return JSON.stringify((json as Record<string, unknown>)[responseBody.jsonName] ?? null);
  }

  function refusal(method: string, path: string): { error: ConnectError; status?: number; allow?: string } {
    const allowed = routes.methodsOf(path);
    if (allowed.length === 0) {
      return { error: wireError(Code.NotFound, "NO_SUCH_ROUTE", "there is nothing at this path") };
    }
    const allow = allowed.join(", ");
    return {
      error: wireError(
        Code.Unimplemented,
        "METHOD_NOT_ALLOWED",
        `${method} is not among the methods here: ${allow}`,
      ),
      allow,
    };
  }

  function fail(request: HttpRequest, response: HttpResponse, route: RestRoute, thrown: unknown): void {
    const error = toConnectError(thrown);
    if (error !== thrown && error.code === Code.Internal) {
      log.error({ err: thrown, path: route.entry.path }, "a REST call failed unexpectedly");
    }
    answerError(request, response, error, route.convention.errorStatus?.(error, request.headers));
  }

  async function call(
    match: RouteMatch<RestRoute>,
    request: HttpRequest,
    response: HttpResponse,
    { path, query }: RequestTarget,
  ): Promise<void> {
    const { route } = match;
    let invocation: Invocation | undefined;
    try {
      const timeoutMs = parseConnectTimeout(request.headers["connect-timeout-ms"] as string | undefined);
      const rest = new HttpCall(request, response, "rest");
      invocation = new Invocation(route.entry, rest, shutdownSignal, timeoutMs);
      const reading = readRequest(match, request, path, query, limits.requestBytesMax, registry);
      const message = reading instanceof Promise ? await invocation.untilDeadline(reading) : reading;
      if (route.entry.spec.kind === "server_streaming") {
        if (request.method === "HEAD") return void response.end();
        const toJson = (event: Message): string => toJsonText(route, event);
        const stream = { route, request: message, invocation, response, heartbeat, toJson, toConnectError };
        return await answerWithEvents(stream);
      }
      const output = await invokeUnary(route.entry, message, invocation);
      const json = (): string => toJsonText(route, output);
      const answer = route.convention.answer?.(output, request.headers, json) ?? jsonAnswer(json());
      writeAnswer(request, response, answer, invocation.responseHeaderIfAny);
    } catch (error) {
      invocation?.finish();
      fail(request, response, route, error);
    }
  }

  return (request, response, target) => {
    const method = request.method ?? "";
    const match = routes.find(method, target.path);
    if (match === undefined) {
      const { error, allow } = refusal(method, target.path);
      answerError(request, response, error, undefined, allow === undefined ? {} : { allow });
      return;
    }
    call(match, request, response, target).catch((error: unknown) => {
      log.error({ err: error, path: match.route.entry.path }, "a REST answer could not be written");
      if (!isGone(response)) response.end();
    });
  };
}

function jsonAnswer(body: string): RestAnswer {
  return { status: 200, headers: { "content-type": "application/json" }, body };
}

function writeAnswer(
  request: HttpRequest,
  response: HttpResponse,
  { status, headers, body }: RestAnswer,
  handlerHeaders: Headers | undefined,
): void {
  if (isGone(response)) return;
  if (handlerHeaders !== undefined) for (const [name, value] of handlerHeaders) headers[name] ??= value;
  // 304 tells the length of nothing: its headers stand for an answer that is not sent.
  if (status !== 304)
    headers["content-length"] = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  response.writeHead(status, headers);
  if (request.method === "HEAD" || status === 304) response.end();
  else response.end(body);
}
