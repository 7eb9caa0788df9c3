import type { IncomingHttpHeaders } from "node:http";
import type { Protocol } from "./call.ts";
import type { Timeout } from "./timeouts.ts";

/** A protocol that is recognised by its content type. Connect's handlers serve the calls that it does not know. */
export interface RpcProtocol extends Protocol {
  readonly kind: "unary" | "server_streaming";
  /** Whether it handles all headers that matter to the protocol. */
  knows(headers: IncomingHttpHeaders): boolean;
  readTimeout(headers: IncomingHttpHeaders): Timeout;
}
