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
import { readRequestBody } from "./request-body.ts";
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

  function serve(
    match: RouteMatch<RestRoute>,
    request: HttpRequest,
    response: HttpResponse,
    target: RequestTarget,
    invocation: Invocation,
  ): void {
    const { entry, body, convention } = match.route;
    try {
      if (body === undefined) receive(noContent);
      else readRequestBody(request, limits.requestBytesMax, invocation, receive, fail);
    } catch (error) {
      fail(error);
    }

    function receive(content: Buffer): void {
      try {
        const message = readRequest(match, request, target, content, registry);
        if (entry.spec.kind === "unary") invokeUnary(entry, message, invocation, succeed, fail);
        else if (request.method === "HEAD") response.end();
        else stream(message);
      } catch (error) {
        fail(error);
      }
    }

    function stream(message: Message): void {
      const toJson = (event: Message): string => toJsonText(match.route, event);
      const { route } = match;
      const events = { route, request: message, invocation, response, heartbeat, toJson, toConnectError };
      answerWithEvents(events).catch(fail);
    }

    function succeed(output: Message): void {
      try {
        const json = (): string => toJsonText(match.route, output);
        const answer = convention.answer?.(output, request.headers, json) ?? jsonAnswer(json());
        writeAnswer(request, response, answer, invocation.responseHeaderIfAny);
      } catch (error) {
        fail(error);
      }
    }

    function fail(thrown: unknown): void {
      invocation.finish();
      const error = toConnectError(thrown);
      if (error !== thrown && error.code === Code.Internal) {
        log.error({ err: thrown, path: entry.path }, "a REST call failed unexpectedly");
      }
      try {
        answerError(request, response, error, convention.errorStatus?.(error, request.headers));
      } catch (unwritable) {
        log.error({ err: unwritable, path: entry.path }, "a REST answer could not be written");
        if (!isGone(response)) response.end();
      }
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
    let timeoutMs: number | undefined;
    try {
      timeoutMs = parseConnectTimeout(request.headers["connect-timeout-ms"] as string | undefined);
    } catch (error) {
      answerError(request, response, toConnectError(error));
      return;
    }
    const call = new HttpCall(request, response, "rest");
    serve(
      match,
      request,
      response,
      target,
      new Invocation(match.route.entry, call, shutdownSignal, timeoutMs),
    );
  };
}

const noContent = Buffer.alloc(0);

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
