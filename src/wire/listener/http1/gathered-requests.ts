import type { IncomingMessage, ServerResponse } from "node:http";
import type { HandleRequest } from "./http1-connection.ts";

/** While requests come alone, one of so many waits for others, to find out whether there are any. */
const probeInterval = 16;

/**
 * Handles the requests of one turn of the event loop together, at its end, except those whose client has gone by then. A
 * client on the same machine, such as the proxy of a mesh, sleeps until it has a response, and waking it takes as long as
 * making one. Responses in a row wake it once. Requests that come alone are handled at once, since waiting for the end of
 * the turn costs a tenth of their time. So are requests with a body, which may get a response before the body turns out to
 * be broken. HTTP/2 connections gather what they write by themselves.
 */
export function gatherRequests(handle: HandleRequest): HandleRequest {
  let gathered: [IncomingMessage, ServerResponse][] = [];
  /** How many came in the turn that was gathered last, and after it, each alone. */
  let together = 1;
  let alone = 0;

  function handleAll(): void {
    const requests = gathered;
    gathered = [];
    together = requests.length;
    alone = 0;
    for (const [request, response] of requests) if (!request.destroyed) handle(request, response);
  }

  return (request, response) => {
    if (hasBody(request)) {
      handle(request, response);
    } else if (together === 1 && alone < probeInterval) {
      alone++;
      handle(request, response);
    } else if (gathered.push([request, response]) === 1) {
      setImmediate(handleAll);
    }
  };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
}
