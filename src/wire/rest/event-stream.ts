import type { Message } from "@bufbuild/protobuf";
import type { Call } from "../call/call.ts";
import type { MessageStream } from "../call/message-stream.ts";
import { toErrorJson } from "./error-response.ts";
import type { BoundRule } from "./http-rule.ts";

/** Calls `beat` again and again until the returned function is called. */
export type Heartbeat = (beat: () => void) => () => void;

/** Every 15 s: often enough for the proxies that drop a connection after 30 or 60 silent seconds. */
export const everyFifteenSeconds: Heartbeat = (beat) => {
  const timer = setInterval(beat, 15_000);
  return () => clearInterval(timer);
};

export interface EventStreamOptions {
  readonly route: BoundRule;
  readonly call: Call;
  readonly messages: MessageStream;
  readonly heartbeat: Heartbeat;
  readonly toJson: (message: Message) => string;
}

export const eventStreamHeaders = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  // nginx would collect events before it passes them on.
  "x-accel-buffering": "no",
  "x-content-type-options": "nosniff",
};

/**
 * Sends the messages of a server-streaming call as Server-Sent Events; the next one is pulled when the client has taken the
 * last. Rejects with the error of the call when nothing was sent yet; later ones become `event: end`.
 */
export async function streamEvents(options: EventStreamOptions): Promise<void> {
  const { call, messages } = options;
  const { exchange } = call;
  let message = await messages.next();
  if (exchange.gone) return;
  exchange.begin(200, {
    ...Object.fromEntries(call.responseHeaderIfAny ?? []),
    ...eventStreamHeaders,
  });
  let waiting = false;
  const stopBeating = options.heartbeat(() => {
    // A client that does not take what is there already needs no heartbeat.
    if (!waiting && !exchange.gone) exchange.write(":\n\n");
  });
  try {
    for (; message !== undefined; message = messages.ready() ?? (await messages.next())) {
      if (!exchange.write(encodeEvent(message, options))) {
        waiting = true;
        await call.drained();
        waiting = false;
      }
      if (exchange.gone) break;
    }
  } catch (error) {
    const end = toErrorJson(call.report(error));
    if (!exchange.gone) exchange.write(`event: end\ndata: ${end}\n\n`);
  } finally {
    stopBeating();
    messages.end();
    if (!exchange.gone) exchange.end();
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
