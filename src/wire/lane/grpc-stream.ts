import type { ServerHttp2Stream } from "node:http2";
import type { Message } from "@bufbuild/protobuf";
import { type Invocation, invokeServerStream } from "../invocation.ts";
import type { MethodEntry } from "../method-table.ts";
import type { MessageCodec } from "../protobuf/codecs.ts";
import { encodeMessage } from "./envelope.ts";
import type { GrpcAnswer } from "./grpc-answer.ts";

/**
 * Answers a server-streaming call. Headers go out with the first message, so that the handler can still set some; the
 * next message is pulled when the peer has taken the last. Rejects with what the handler threw.
 */
export async function answerWithStream(
  stream: ServerHttp2Stream,
  answer: GrpcAnswer,
  entry: MethodEntry,
  codec: MessageCodec,
  request: Message,
  invocation: Invocation,
): Promise<void> {
  const messages = invokeServerStream(entry, request, invocation);
  let begun = false;
  for await (const message of messages) {
    if (answer.gone) return;
    const envelope = encodeShared(codec, entry, message);
    if (!begun) answer.begin();
    begun = true;
    if (!stream.write(envelope)) await drained(stream);
    if (answer.gone) return;
  }
  if (!begun) answer.begin();
  answer.succeed();
}

// Calls that wait for the same get the same message, which is then encoded once for all of them.
const envelopes = new WeakMap<MessageCodec, WeakMap<Message, Buffer>>();

function encodeShared(codec: MessageCodec, entry: MethodEntry, message: Message): Buffer {
  let ofCodec = envelopes.get(codec);
  if (ofCodec === undefined) envelopes.set(codec, (ofCodec = new WeakMap()));
  let envelope = ofCodec.get(message);
  if (envelope === undefined) {
    envelope = encodeMessage(codec, entry.spec.method.output, message);
    ofCodec.set(message, envelope);
  }
  return envelope;
}

/** Resolves when the peer can take more, or will never take anything again. */
function drained(stream: ServerHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      stream.off("drain", settle);
      stream.off("close", settle);
      resolve();
    };
    if (stream.destroyed) return resolve();
    stream.once("drain", settle);
    stream.once("close", settle);
  });
}
