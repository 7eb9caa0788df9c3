import type { DescMessage, Message, MessageInitShape } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type { Call, Protocol } from "../call/call.ts";
import { compressedBytesMin, type Encoding } from "../call/compression.ts";
import type { MessageStream } from "../call/message-stream.ts";
import { type FlatHeaders, ResponseHeaders } from "../http2/response-headers.ts";
import type { Stream } from "../http2/stream.ts";
import type { Http2Exchange } from "../listener/http2-exchange.ts";
import type { MessageCodec } from "../protobuf/codecs.ts";
import { compressedFlag, encodeEnvelope, envelopeHeaderBytes, fillEnvelopeHeader } from "./envelope.ts";
import { decodeOnlyMessage } from "./only-message.ts";
import { setGrpcStatus } from "./status.ts";
import { SharedEnvelopes, type StreamEnds, streamMessages } from "./stream.ts";

const trailersOk = ResponseHeaders.trailers({ "grpc-status": "0" });

/**
 * Responses are encoded here and copied from here into the frames of their connection, within one call. Large enough for a text
 * of 64 KiB at three bytes a unit: the writer would have to measure it, which takes three times as long as writing it.
 */
const scratch = Buffer.allocUnsafeSlow(256 * 1024);

/** gRPC on a stream of our own HTTP/2: unary and server-streaming calls. */
export class GrpcProtocol implements Protocol, StreamEnds {
  readonly name = "grpc";
  readonly takesBody = true;
  readonly #codec: MessageCodec;
  readonly #headersOk: ResponseHeaders;
  readonly #envelopes: SharedEnvelopes;
  /** That of requests. Responses to compressed requests are compressed alike: the client shows what it wants. */
  readonly #encoding: Encoding | undefined;

  /** `contentType` is that of responses. */
  constructor(contentType: string, codec: MessageCodec, encoding?: Encoding) {
    this.#codec = codec;
    this.#headersOk = ResponseHeaders.headers(200, { "content-type": contentType });
    this.#envelopes = new SharedEnvelopes(codec);
    this.#encoding = encoding;
  }

  bodyBytesMax(messageBytesMax: number): number {
    return messageBytesMax + envelopeHeaderBytes;
  }

  decode(call: Call, bytes: Buffer, start: number, end: number): Message | Promise<Message> {
    return decodeOnlyMessage(call, this.#codec, this.#encoding, bytes, start, end);
  }

  respond(call: Call, response: MessageInitShape<DescMessage>): void | Promise<void> {
    if (this.#encoding === undefined) this.#respond(call, response);
    else return this.#respondCompressed(call, response, this.#encoding);
  }

  async #respondCompressed(
    call: Call,
    response: MessageInitShape<DescMessage>,
    encoding: Encoding,
  ): Promise<void> {
    const message = this.#codec.encode(call.entry.spec.method.output, response);
    const compressed =
      message.length > compressedBytesMin && acceptsEncoding(call, encoding)
        ? await call.options.compression.compress(encoding, message, call.exchange)
        : undefined;
    const stream = streamOf(call);
    if (compressed === undefined) {
      this.begin(call);
      stream.write(encodeEnvelope(message));
    } else {
      stream.respond(this.#headersOk, [...flatten(call.responseHeaderIfAny), "grpc-encoding", encoding]);
      stream.write(encodeEnvelope(compressed, compressedFlag));
    }
    this.end(call);
  }

  #respond(call: Call, response: MessageInitShape<DescMessage>): void {
    const stream = streamOf(call);
    const { buffer, start, end } = this.#codec.encodeInto(
      call.entry.spec.method.output,
      response,
      scratch,
      envelopeHeaderBytes,
    );
    const { responseHeaderIfAny, responseTrailerIfAny } = call;
    if (buffer === scratch && responseTrailerIfAny === undefined) {
      const from = start - envelopeHeaderBytes;
      fillEnvelopeHeader(scratch, from, end - start, 0);
      const more = responseHeaderIfAny === undefined ? undefined : flatten(responseHeaderIfAny);
      stream.respondWhole(this.#headersOk, scratch, from, end, trailersOk, more);
      return;
    }
    this.begin(call);
    writeEnvelope(stream, buffer, start, end);
    stream.end(trailersOk, flatten(responseTrailerIfAny));
  }

  stream(call: Call, messages: MessageStream): Promise<void> {
    return streamMessages(this, this.#envelopes, call, messages);
  }

  /** Sends the headers of a response with messages. */
  begin(call: Call): void {
    streamOf(call).respond(this.#headersOk, flatten(call.responseHeaderIfAny));
  }

  /** Ends a response that went well. */
  end(call: Call): void {
    streamOf(call).end(trailersOk, flatten(call.responseTrailerIfAny));
  }

  fail(call: Call, error: ConnectError): void {
    const stream = streamOf(call);
    const { responseHeaderIfAny, responseTrailerIfAny } = call;
    const trailers = flatten(setGrpcStatus(new Headers(responseTrailerIfAny), error));
    if (responseHeaderIfAny === undefined && !stream.headersSent) {
      stream.respondAndEnd(this.#headersOk, trailers);
      return;
    }
    // Clients would take headers that come in the same block for trailers.
    if (!stream.headersSent) this.begin(call);
    stream.end(undefined, trailers);
  }
}

/** Calls of this protocol come on streams of our own HTTP/2 only. */
function streamOf(call: Call): Stream {
  return (call.exchange as Http2Exchange).stream;
}

function acceptsEncoding({ exchange }: Call, encoding: Encoding): boolean {
  const accepted = exchange.headers["grpc-accept-encoding"] ?? "";
  return String(accepted)
    .split(",")
    .some((name) => name.trim() === encoding);
}

const envelopeHeader = Buffer.alloc(envelopeHeaderBytes);

/** Writes a message of any length. False: the client takes no more for now. */
function writeEnvelope(stream: Stream, buffer: Buffer, start: number, end: number): boolean {
  fillEnvelopeHeader(envelopeHeader, 0, end - start, 0);
  stream.write(envelopeHeader);
  return stream.write(buffer, start, end);
}

const none: FlatHeaders = [];

/** Headers that a handler has set, without those of the protocol. */
function flatten(headers: Headers | undefined): FlatHeaders {
  if (headers === undefined) return none;
  const flat: string[] = [];
  headers.forEach((value, name) => {
    if (name !== "content-type") flat.push(name, value);
  });
  return flat;
}
