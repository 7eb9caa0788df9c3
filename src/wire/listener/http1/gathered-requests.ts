import type { IncomingMessage, ServerResponse } from "node:http";

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

/** While requests come alone, every so many one waits for others all the same, to see whether there are any. */
const probeInterval = 16;

/**
 * Hands on the requests of one turn of the event loop together, at its end, without those whose client is gone by then.
 * Where requests are answered one by one between reading the others, each answer finds a client on the same machine (a
 * proxy beside the service, most often) asleep, and to wake it takes as long as to make the answer; of answers that go out
 * in a row only the first does. Requests that come alone are handed on at once: to wait for the end of the turn costs a
 * tenth of what they do; so are those with a body, which may be answered before it turns out to be broken. Sessions of
 * HTTP/2 gather what they write by themselves.
 */
export function gatherRequests(handle: Handle): Handle {
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
