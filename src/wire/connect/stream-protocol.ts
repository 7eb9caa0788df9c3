import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import type { Message, Registry } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { endStreamFlag, endStreamToJson } from "@connectrpc/connect/protocol-connect";
import type { Call } from "../call/call.ts";
import type { MessageStream } from "../call/message-stream.ts";
import { toNodeHeaders } from "../call/node-headers.ts";
import type { RpcProtocol } from "../call/rpc-protocol.ts";
import { parseConnectTimeout, type Timeout } from "../call/timeouts.ts";
import { encodeEnvelope, envelopeHeaderBytes } from "../grpc/envelope.ts";
import { decodeOnlyMessage, isKnownEncoding } from "../grpc/only-message.ts";
import { SharedEnvelopes, type StreamEnds, streamMessages } from "../grpc/stream.ts";
import type { MessageCodec } from "../protobuf/codecs.ts";

/** Server-streaming calls of Connect: the response is always 200, and its last envelope says how the call ended. */
export class ConnectStreamProtocol implements RpcProtocol, StreamEnds {
  readonly name = "connect";
  readonly takesBody = true;
  readonly kind = "server_streaming";
  readonly #contentType: string;
  readonly #codec: MessageCodec;
  readonly #envelopes: SharedEnvelopes;
  readonly #jsonOptions: { registry: Registry; alwaysEmitImplicit: boolean };

  constructor(contentType: string, codec: MessageCodec, registry: Registry) {
    this.#contentType = contentType;
    this.#codec = codec;
    this.#envelopes = new SharedEnvelopes(codec);
    this.#jsonOptions = { registry, alwaysEmitImplicit: true };
  }

  knows(headers: IncomingHttpHeaders): boolean {
    return isKnownEncoding(encodingOf(headers)) && (headers["connect-protocol-version"] ?? "1") === "1";
  }

  readTimeout(headers: IncomingHttpHeaders): Timeout {
    return parseConnectTimeout(headers["connect-timeout-ms"]);
  }

  bodyBytesMax(messageBytesMax: number): number {
    return messageBytesMax + envelopeHeaderBytes;
  }

  decode(call: Call, bytes: Buffer, start: number, end: number): Message | Promise<Message> {
    return decodeOnlyMessage(call, this.#codec, encodingOf(call.exchange.headers), bytes, start, end);
  }

  respond(): never {
    throw new TypeError("this protocol has no unary calls");
  }

  stream(call: Call, messages: MessageStream): Promise<void> {
    return streamMessages(this, this.#envelopes, call, messages);
  }

  begin(call: Call): void {
    call.exchange.begin(200, this.#headers(call));
  }

  end(call: Call, error?: ConnectError): void {
    call.exchange.write(this.#encodeEnd(call, error));
    call.exchange.end();
  }

  fail(call: Call, error: ConnectError): void {
    if (call.exchange.headersSent) this.end(call, error);
    else call.exchange.respond(200, this.#headers(call), this.#encodeEnd(call, error));
  }

  #encodeEnd({ responseTrailerIfAny }: Call, error: ConnectError | undefined): Buffer {
    const end = endStreamToJson(new Headers(responseTrailerIfAny), error, this.#jsonOptions);
    return encodeEnvelope(Buffer.from(JSON.stringify(end)), endStreamFlag);
  }

  #headers({ responseHeaderIfAny }: Call): OutgoingHttpHeaders {
    return { ...toNodeHeaders(responseHeaderIfAny ?? new Headers()), "content-type": this.#contentType };
  }
}

function encodingOf(headers: IncomingHttpHeaders): string | undefined {
  return headers["connect-content-encoding"] as string | undefined;
}
