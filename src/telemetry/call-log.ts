import type { Code, HandlerContext } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { Logger } from "../logging.ts";
import { callerOf } from "../security/caller.ts";
import { requestIdOf } from "./request-id.ts";

export interface CallLogOptions {
  readonly log: Pick<Logger, "info" | "warn">;
  /** Whether every call is logged. */
  readonly accessLog: boolean;
  /** Unary calls that take longer are logged as slow, in milliseconds; undefined: none is. */
  readonly slowMs: number | undefined;
}

/** Logs calls when they end: all of them, or slow ones. Without keys, values and credentials. */
export class CallLog {
  readonly #options: CallLogOptions;

  constructor(options: CallLogOptions) {
    this.#options = options;
  }

  /** `method` as in `duetkv.v1.KeyValueService/Put`. */
  ended(
    method: string,
    isUnary: boolean,
    context: HandlerContext,
    milliseconds: number,
    code: Code | undefined,
    reason: string | undefined,
  ): void {
    const { log, accessLog, slowMs } = this.#options;
    const isSlow = isUnary && slowMs !== undefined && milliseconds > slowMs;
    if (!accessLog && !isSlow) return;
    const identity = callerOf(context)?.identity.name;
    const fields = {
      method,
      protocol: context.protocolName,
      code: code === undefined ? "ok" : codeToString(code),
      ...(reason !== undefined && { reason }),
      milliseconds: Math.round(milliseconds * 1000) / 1000,
      requestId: requestIdOf(context),
      // Nobody has a name where there is no policy, and anonymous callers have none.
      ...(identity !== undefined && identity !== "" && { identity }),
    };
    if (isSlow) log.warn(fields, "slow call");
    else log.info(fields, "call");
  }
}
