import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import type { DescMessage, Message, MessageInitShape } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import type { Call } from "../call/call.ts";
import type { MessageStream } from "../call/message-stream.ts";
import { toNodeHeaders } from "../call/node-headers.ts";
import type { RpcProtocol } from "../call/rpc-protocol.ts";
import { parseGrpcTimeout, type Timeout } from "../call/timeouts.ts";
import { encodeEnvelope, encodeMessage, envelopeHeaderBytes } from "../grpc/envelope.ts";
import { decodeOnlyMessage, isKnownEncoding } from "../grpc/only-message.ts";
import { setGrpcStatus } from "../grpc/status.ts";
import { SharedEnvelopes, type StreamEnds, streamMessages } from "../grpc/stream.ts";
import type { MessageCodec } from "../protobuf/codecs.ts";
import { type BodyForm, binaryForm } from "./body-form.ts";

// Without Headers: Node loads all of its fetch when a process first uses them.
const trailersOk = encodeEnvelope(Buffer.from("grpc-status: 0\r\n"), trailerFlag);

/** gRPC-Web: trailers come in the body, in an envelope of their own. */
export class GrpcWebProtocol implements RpcProtocol, StreamEnds {
  readonly name = "grpc-web";
  readonly takesBody = true;
  readonly kind: RpcProtocol["kind"];
  readonly #contentType: string;
  readonly #codec: MessageCodec;
  readonly #form: BodyForm;
  readonly #envelopes: SharedEnvelopes;

  constructor(
    kind: RpcProtocol["kind"],
    contentType: string,
    codec: MessageCodec,
    form: BodyForm = binaryForm,
  ) {
    this.kind = kind;
    this.#contentType = contentType;
    this.#codec = codec;
    this.#form = form;
    this.#envelopes = new SharedEnvelopes(codec, (envelope) => form.encode(envelope));
  }

  knows(headers: IncomingHttpHeaders): boolean {
    return isKnownEncoding(encodingOf(headers));
  }

  readTimeout(headers: IncomingHttpHeaders): Timeout {
    return parseGrpcTimeout(headers["grpc-timeout"]);
  }

  bodyBytesMax(messageBytesMax: number): number {
    return this.#form.encodedBytes(messageBytesMax + envelopeHeaderBytes);
  }

  decode(call: Call, bytes: Buffer, start: number, end: number): Message | Promise<Message> {
    const body = this.#form.decode(bytes.subarray(start, end));
    const encoding = encodingOf(call.exchange.headers);
    return decodeOnlyMessage(call, this.#codec, encoding, body, 0, body.length, trailerFlag);
  }

  respond(call: Call, response: MessageInitShape<DescMessage>): void {
    const message = encodeMessage(this.#codec, call.entry.spec.method.output, response);
    const body = Buffer.concat([message, encodeTrailers(call, undefined)]);
    call.exchange.respond(200, this.#headers(call), this.#form.encode(body));
  }

  stream(call: Call, messages: MessageStream): Promise<void> {
    return streamMessages(this, this.#envelopes, call, messages);
  }

  begin(call: Call): void {
    call.exchange.begin(200, this.#headers(call));
  }

  end(call: Call, error?: ConnectError): void {
    call.exchange.write(this.#form.encode(encodeTrailers(call, error)));
    call.exchange.end();
  }

  fail(call: Call, error: ConnectError): void {
    if (call.exchange.headersSent) this.end(call, error);
    else call.exchange.respond(200, this.#headers(call), this.#form.encode(encodeTrailers(call, error)));
  }

  #headers({ responseHeaderIfAny }: Call): OutgoingHttpHeaders {
    if (responseHeaderIfAny === undefined) return { "content-type": this.#contentType };
    return { ...toNodeHeaders(responseHeaderIfAny), "content-type": this.#contentType };
  }
}

function encodingOf(headers: IncomingHttpHeaders): string | undefined {
  return headers["grpc-encoding"] as string | undefined;
}

function encodeTrailers({ responseTrailerIfAny }: Call, error: ConnectError | undefined): Buffer {
  if (error === undefined && responseTrailerIfAny === undefined) return trailersOk;
  const trailer = setGrpcStatus(new Headers(responseTrailerIfAny), error);
  return encodeEnvelope(trailerSerialize(trailer), trailerFlag);
}
