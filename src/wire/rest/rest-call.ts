import {
  create,
  type DescMessage,
  type Message,
  type MessageInitShape,
  type Registry,
} from "@bufbuild/protobuf";
import type { Limits } from "../../limits.ts";
import type { BodyReader } from "../body.ts";
import { HttpCall } from "../http-call.ts";
import { type HttpRequest, type HttpResponse, isGone } from "../http-exchange.ts";
import { Invocation, invokeUnary, type UnaryCaller } from "../invocation.ts";
import type { ListLimits } from "../protobuf/codecs.ts";
import type { RequestTarget } from "../request-target.ts";
import { type OnError, toReportedError } from "../wire-error.ts";
import type { WireLog } from "../wire-log.ts";
import type { RestAnswer } from "./convention.ts";
import { answerError } from "./error-answer.ts";
import { answerWithEvents, type Heartbeat } from "./event-stream.ts";
import { readRequestBody } from "./request-body.ts";
import { readRequest } from "./request-reader.ts";
import { toResponseJson } from "./response-json.ts";
import type { RestRoute } from "./rest-route.ts";
import type { RouteMatch } from "./route-tree.ts";

export interface RestCallOptions {
  readonly limits: Limits;
  readonly registry: Registry;
  readonly listLimits: ListLimits;
  readonly shutdownSignal: AbortSignal;
  readonly log: WireLog;
  readonly heartbeat: Heartbeat;
  readonly onError: OnError;
}

const noContent = Buffer.alloc(0);

/** One REST call on its way: its request is put together, its handler is called, its answer goes out. */
export class RestCall extends HttpCall implements BodyReader, UnaryCaller {
  readonly #match: RouteMatch<RestRoute>;
  readonly #target: RequestTarget;
  readonly #options: RestCallOptions;
  readonly #invocation: Invocation;

  constructor(
    request: HttpRequest,
    response: HttpResponse,
    match: RouteMatch<RestRoute>,
    target: RequestTarget,
    options: RestCallOptions,
    timeoutMs: number | undefined,
  ) {
    super(request, response, "rest");
    this.#match = match;
    this.#target = target;
    this.#options = options;
    this.#invocation = new Invocation(match.route.entry, this, options.shutdownSignal, timeoutMs);
  }

  begin(): void {
    const { requestBytesMax } = this.#options.limits;
    try {
      if (this.#match.route.body === undefined) this.receive(noContent);
      else readRequestBody(this.request, requestBytesMax, this.#invocation, this);
    } catch (error) {
      this.fail(error);
    }
  }

  receive(content: Buffer): void {
    const { entry } = this.#match.route;
    try {
      const message = readRequest(this.#match, this.request, this.#target, content, this.#options);
      if (entry.spec.kind === "unary") invokeUnary(entry, message, this.#invocation, this);
      else if (this.request.method === "HEAD") this.response.end();
      else this.#answerWithEvents(message);
    } catch (error) {
      this.fail(error);
    }
  }

  succeed(init: MessageInitShape<DescMessage>): void {
    const { headers } = this.request;
    const { convention, entry } = this.#match.route;
    const json = (): string => this.#toJson(create(entry.spec.method.output, init));
    try {
      const answer = convention.answer?.(init, headers, json) ?? jsonAnswer(json());
      writeAnswer(this.request, this.response, answer, this.#invocation.responseHeaderIfAny);
    } catch (error) {
      this.fail(error);
    }
  }

  fail(thrown: unknown): void {
    this.#invocation.finish();
    const { log } = this.#options;
    const { entry, convention } = this.#match.route;
    const { request, response } = this;
    const error = toReportedError(thrown, this.#options, entry.path);
    try {
      answerError(request, response, error, convention.errorStatus?.(error, request.headers));
    } catch (unwritable) {
      log.error({ err: unwritable, path: entry.path }, "response could not be written");
      if (!isGone(response)) response.end();
    }
  }

  #answerWithEvents(request: Message): void {
    const answering = answerWithEvents({
      route: this.#match.route,
      request,
      invocation: this.#invocation,
      response: this.response,
      heartbeat: this.#options.heartbeat,
      toJson: (message) => this.#toJson(message),
      toConnectError: (thrown) => toReportedError(thrown, this.#options, this.#match.route.entry.path),
    });
    answering.catch((error: unknown) => this.fail(error));
  }

  #toJson(message: Message): string {
    return toResponseJson(this.#match.route, message, this.#options.registry);
  }
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
  const vary = response.getHeader("vary");
  if (vary !== undefined) headers["vary"] = [headers["vary"] ?? [], vary].flat().join(", ");
  // 304 tells the length of nothing: its headers stand for an answer that is not sent.
  if (status !== 304)
    headers["content-length"] = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  response.writeHead(status, headers);
  if (request.method === "HEAD" || status === 304) response.end();
  else response.end(body);
}
