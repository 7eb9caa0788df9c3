import type { Message } from "@bufbuild/protobuf";
import type { Call } from "../call/call.ts";
import type { MessageStream } from "../call/message-stream.ts";

export const byteStreamHeaders = {
  "content-type": "application/octet-stream",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

/**
 * Sends the messages of a server-streaming call as one body of bytes; the next one is pulled when the client has taken the
 * last. Rejects with the error of the call, also when the response has begun.
 */
export async function sendByteStream(
  call: Call,
  messages: MessageStream,
  toBytes: (message: Message) => Uint8Array,
): Promise<void> {
  const { exchange } = call;
  let message = await messages.next();
  if (exchange.gone) return;
  exchange.begin(200, {
    ...Object.fromEntries(call.responseHeaderIfAny ?? []),
    ...byteStreamHeaders,
  });
  for (; message !== undefined && !exchange.gone; message = await messages.next()) {
    if (!exchange.write(toBytes(message))) await call.drained();
  }
  if (!exchange.gone) exchange.end();
}
