import { createContextKey, type Interceptor } from "@connectrpc/connect";
import { callerKey } from "../../security/caller.ts";
import { readRequestId } from "../../telemetry/request-id.ts";
import type { Authenticate } from "../call/call.ts";
import type { Exchange } from "../call/exchange.ts";
import { toLoggedError } from "../wire-error.ts";
import type { WireLog } from "../wire-log.ts";

/** The exchange of a call that Connect's library serves. */
export const exchangeKey = createContextKey<Exchange | undefined>(undefined);

/** Finds the caller of each call before its handler is called, as `Call` does for our own protocols. */
export function authenticateCalls(authenticate: Authenticate, log: WireLog): Interceptor {
  return (next) => async (request) => {
    const exchange = request.contextValues.get(exchangeKey);
    if (exchange === undefined) throw new Error("a call without its exchange");
    try {
      const caller = await authenticate(exchange, request.method, protocolOf(exchange));
      request.contextValues.set(callerKey, caller);
    } catch (error) {
      const requestId = () => readRequestId((name) => request.header.get(name) ?? undefined);
      throw toLoggedError(error, log, new URL(request.url).pathname, requestId);
    }
    return next(request);
  };
}

function protocolOf({ headers }: Exchange): string {
  return (
    /^application\/(grpc-web|grpc)/i.exec(headers["content-type"] ?? "")?.[1]?.toLowerCase() ?? "connect"
  );
}
