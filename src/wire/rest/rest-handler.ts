import type { Registry } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import type { Limits } from "../../limits.ts";
import type { HttpRequest, HttpResponse } from "../http-exchange.ts";
import type { MethodEntry } from "../method-table.ts";
import type { ListLimits } from "../protobuf/codecs.ts";
import type { RequestTarget } from "../request-target.ts";
import { parseConnectTimeout } from "../timeouts.ts";
import { type OnError, wireError } from "../wire-error.ts";
import type { WireLog } from "../wire-log.ts";
import type { RestConventions } from "./convention.ts";
import { answerError } from "./error-answer.ts";
import { everyFifteenSeconds, type Heartbeat } from "./event-stream.ts";
import { RestCall } from "./rest-call.ts";
import { createRestRoutes } from "./rest-route.ts";

export interface RestOptions {
  readonly methods: Iterable<MethodEntry>;
  readonly conventions: RestConventions;
  readonly limits: Limits;
  readonly registry: Registry;
  readonly listLimits: ListLimits;
  readonly shutdownSignal: AbortSignal;
  readonly log: WireLog;
  /** For tests. Default: every 15 s. */
  readonly heartbeat?: Heartbeat;
  readonly onError: OnError;
}

/** Answers every request in some way; never throws. */
export type RestHandler = (request: HttpRequest, response: HttpResponse, target: RequestTarget) => void;

/** Serves the google.api.http rules of the methods. Throws when a rule makes no sense. */
export function createRestHandler(options: RestOptions): RestHandler {
  const callOptions = { ...options, heartbeat: options.heartbeat ?? everyFifteenSeconds };
  const routes = createRestRoutes(options.methods, options.conventions);

  function refusal(method: string, path: string): { error: ConnectError; status?: number; allow?: string } {
    const allowed = routes.methodsOf(path);
    if (allowed.length === 0) {
      const message = "unknown path; /v1/openapi.json describes all of them";
      return { error: wireError(Code.NotFound, "NO_SUCH_ROUTE", message) };
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

  return (request, response, target) => {
    const method = request.method ?? "";
    const match = routes.find(method, target.path);
    if (match === undefined) {
      const { error, allow } = refusal(method, target.path);
      options.onError("", error);
      answerError(request, response, error, undefined, allow === undefined ? {} : { allow });
      return;
    }
    const timeoutMs = parseConnectTimeout(request.headers["connect-timeout-ms"]);
    if (timeoutMs === "malformed") {
      const message = "connect-timeout-ms must be 1 to 10 digits";
      const error = wireError(Code.InvalidArgument, "REQUEST_MALFORMED", message);
      options.onError(match.route.entry.path, error);
      answerError(request, response, error);
      return;
    }
    const waitMs = timeoutMs === "endless" ? undefined : timeoutMs;
    new RestCall(request, response, match, target, callOptions, waitMs).begin();
  };
}
