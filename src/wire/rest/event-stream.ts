import type { Message } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { type HttpResponse, isGone } from "../http-exchange.ts";
import { type Invocation, invokeServerStream } from "../invocation.ts";
import { toErrorJson } from "./error-answer.ts";
import type { RestRoute } from "./rest-route.ts";

/** Calls `beat` again and again until the returned function is called. */
export type Heartbeat = (beat: () => void) => () => void;

/** Every 15 s: often enough for the proxies that drop a connection after 30 or 60 silent seconds. */
export const everyFifteenSeconds: Heartbeat = (beat) => {
  const timer = setInterval(beat, 15_000);
  return () => clearInterval(timer);
};

export interface EventStreamOptions {
  readonly route: RestRoute;
  readonly request: Message;
  readonly invocation: Invocation;
  readonly response: HttpResponse;
  readonly heartbeat: Heartbeat;
  readonly toJson: (message: Message) => string;
  /** What was thrown, as the client may see it. */
  readonly toConnectError: (thrown: unknown) => ConnectError;
}

const stallMs = 300_000;

const eventStreamHeaders = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  // nginx would collect events before it passes them on.
  "x-accel-buffering": "no",
  "x-content-type-options": "nosniff",
};

/**
 * Answers a server-streaming call with Server-Sent Events, one for each message; the next message is pulled when the
 * peer has taken the last. Rejects with the error of the call when nothing was sent yet; later ones become `event: end`.
 */
export async function answerWithEvents(options: EventStreamOptions): Promise<void> {
  const { invocation, response, route } = options;
  const messages = invokeServerStream(route.entry, options.request, invocation);
  let next = await messages.next();
  if (isGone(response)) return void messages.return();
  response.writeHead(200, {
    ...Object.fromEntries(invocation.responseHeaderIfAny ?? []),
    ...eventStreamHeaders,
  });
  // A peer that has taken nothing for so long has gone without a word.
  response.setTimeout(stallMs, () => response.destroy());
  let waiting = false;
  const stopBeating = options.heartbeat(() => {
    // A peer that does not take what is there already needs no sign of life on top.
    if (!waiting && !isGone(response)) response.write(":\n\n");
  });
  try {
    for (; next.done !== true; next = await messages.next()) {
      if (!response.write(encodeEvent(next.value, options))) {
        waiting = true;
        await drained(response);
        waiting = false;
      }
      if (isGone(response)) break;
    }
  } catch (error) {
    if (!isGone(response))
      response.write(`event: end\ndata: ${toErrorJson(options.toConnectError(error))}\n\n`);
  } finally {
    stopBeating();
    await messages.return();
    if (!isGone(response)) response.end();
  }
}

// Calls that wait for the same get the same message, which is then encoded once for all of them.
const encodedEvents = new WeakMap<Message, Buffer>();

function encodeEvent(message: Message, { route, toJson }: EventStreamOptions): Buffer {
  let event = encodedEvents.get(message);
  if (event === undefined) {
    const id = route.convention.eventId?.(message);
    event = Buffer.from(`${id === undefined ? "" : `id: ${id}\n`}data: ${toJson(message)}\n\n`);
    encodedEvents.set(message, event);
  }
  return event;
}

/** Resolves when the peer can take more, or will never take anything again. */
function drained(response: HttpResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      response.off("drain", settle);
      response.off("close", settle);
      resolve();
    };
    if (isGone(response)) return resolve();
    response.once("drain", settle);
    response.once("close", settle);
  });
}
