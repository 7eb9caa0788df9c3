import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { Call } from "../call/call.ts";
import type { MessageStream } from "../call/message-stream.ts";
import type { MessageCodec } from "../protobuf/codecs.ts";
import { encodeMessage } from "./envelope.ts";

/** How a protocol begins and ends a response of several messages. */
export interface StreamEnds {
  /** Sends the headers. */
  begin(call: Call): void;
  /** Ends a response that went well. */
  end(call: Call): void;
}

/** Encodes messages into envelopes: calls that wait for the same get the same message, which is encoded once for all of them. */
export class SharedEnvelopes {
  readonly #encode: (message: DescMessage, value: Message) => Buffer;
  readonly #envelopes = new WeakMap<Message, Buffer>();

  /** `transform` changes each envelope into what is sent. Default: nothing. */
  constructor(codec: MessageCodec, transform: (envelope: Buffer) => Buffer = (envelope) => envelope) {
    this.#encode = (message, value) => transform(encodeMessage(codec, message, value));
  }

  encode(call: Call, message: Message): Buffer {
    let envelope = this.#envelopes.get(message);
    if (envelope === undefined) {
      envelope = this.#encode(call.entry.spec.method.output, message);
      this.#envelopes.set(message, envelope);
    }
    return envelope;
  }
}

/**
 * Sends the messages of a server-streaming call; the next one is pulled when the client has taken the last. Rejects with
 * what the handler threw.
 */
export async function streamMessages(
  ends: StreamEnds,
  envelopes: SharedEnvelopes,
  call: Call,
  messages: MessageStream,
): Promise<void> {
  const { exchange } = call;
  let begun = false;
  for (;;) {
    const message = messages.ready() ?? (await messages.next());
    if (exchange.gone) return;
    if (message === undefined) break;
    const envelope = envelopes.encode(call, message);
    if (!begun) ends.begin(call);
    begun = true;
    if (!exchange.write(envelope)) await call.drained();
    if (exchange.gone) return;
  }
  messages.end();
  if (!begun) ends.begin(call);
  ends.end(call);
}
