import type { Message } from "@bufbuild/protobuf";
import type { Call } from "../call/call.ts";
import type { MessageCodec } from "../protobuf/codecs.ts";
import { encodeMessage } from "./envelope.ts";
import type { GrpcProtocol } from "./protocol.ts";

/**
 * Sends the messages of a server-streaming call; the next one is pulled when the client has taken the last. Rejects with
 * what the handler threw.
 */
export async function streamMessages(
  protocol: GrpcProtocol,
  codec: MessageCodec,
  call: Call,
  messages: AsyncGenerator<Message, void, undefined>,
): Promise<void> {
  const { exchange } = call;
  let begun = false;
  for await (const message of messages) {
    if (exchange.gone) return;
    const envelope = encodeShared(codec, call, message);
    if (!begun) protocol.begin(call);
    begun = true;
    if (!exchange.write(envelope)) await exchange.drained();
    if (exchange.gone) return;
  }
  if (exchange.gone) return;
  if (!begun) protocol.begin(call);
  protocol.end(call);
}

// Calls that wait for the same get the same message, which is then encoded once for all of them.
const envelopes = new WeakMap<MessageCodec, WeakMap<Message, Buffer>>();

function encodeShared(codec: MessageCodec, call: Call, message: Message): Buffer {
  let ofCodec = envelopes.get(codec);
  if (ofCodec === undefined) envelopes.set(codec, (ofCodec = new WeakMap()));
  let envelope = ofCodec.get(message);
  if (envelope === undefined) {
    envelope = encodeMessage(codec, call.entry.spec.method.output, message);
    ofCodec.set(message, envelope);
  }
  return envelope;
}
