import type { Registry } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { Call, type CallOptions } from "../call/call.ts";
import type { Exchange } from "../call/exchange.ts";
import type { RequestTarget } from "../call/request-target.ts";
import { parseConnectTimeout } from "../call/timeouts.ts";
import type { MethodEntry } from "../method-table.ts";
import type { ListLimits } from "../protobuf/codecs.ts";
import { wireError } from "../wire-error.ts";
import type { RestConventions } from "./convention.ts";
import { respondWithError } from "./error-response.ts";
import { everyFifteenSeconds, type Heartbeat } from "./event-stream.ts";
import { bindHttpRules } from "./http-rule.ts";
import { RestProtocol } from "./protocol.ts";

export interface RestOptions extends CallOptions {
  readonly methods: Iterable<MethodEntry>;
  readonly conventions: RestConventions;
  readonly registry: Registry;
  readonly listLimits: ListLimits;
  /** For tests. Default: every 15 s. */
  readonly heartbeat?: Heartbeat;
}

/** Responds to every request in some way; never throws. */
export type RestRoute = (exchange: Exchange, target: RequestTarget) => void;

/** Serves the google.api.http rules of the methods. Throws when a rule makes no sense. */
export function createRestRoute(options: RestOptions): RestRoute {
  const protocolOptions = { ...options, heartbeat: options.heartbeat ?? everyFifteenSeconds };
  const routes = bindHttpRules(options.methods, options.conventions);

  function refusal(method: string, path: string): { error: ConnectError; allow?: string } {
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

  return (exchange, target) => {
    const match = routes.find(exchange.method, target.path);
    if (match === undefined) {
      const { error, allow } = refusal(exchange.method, target.path);
      options.onError("", error);
      respondWithError(exchange, error, undefined, allow === undefined ? {} : { allow });
      return;
    }
    const { entry } = match.route;
    const protocol = new RestProtocol(match, target, protocolOptions);
    const timeoutMs = parseConnectTimeout(exchange.headers["connect-timeout-ms"]);
    const call = new Call(
      entry,
      exchange,
      protocol,
      options,
      typeof timeoutMs === "string" ? undefined : timeoutMs,
    );
    const fault =
      timeoutMs === "malformed" ? malformedTimeout() : protocol.findEncodingFault(exchange.headers);
    if (fault === undefined) call.begin();
    else call.fail(fault);
  };
}

function malformedTimeout(): ConnectError {
  return wireError(Code.InvalidArgument, "REQUEST_MALFORMED", "connect-timeout-ms must be 1 to 10 digits");
}
