import type { IncomingHttpHeaders } from "node:http";
import type { Protocol } from "./protocol.ts";
import type { Timeout } from "./timeouts.ts";

/** A protocol of which we serve unary calls alone. Connect's handlers serve the rest. */
export interface UnaryProtocol extends Protocol {
  /** Whether it handles all headers that matter to the protocol. */
  knows(headers: IncomingHttpHeaders): boolean;
  readTimeout(headers: IncomingHttpHeaders): Timeout;
}
