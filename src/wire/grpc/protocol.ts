import type { DescMessage, Message, MessageInitShape } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type { Call } from "../call/call.ts";
import type { Protocol } from "../call/protocol.ts";
import { type FlatHeaders, ResponseHeaders } from "../http2/response-headers.ts";
import type { Stream } from "../http2/stream.ts";
import type { Http2Exchange } from "../listener/http2-exchange.ts";
import type { MessageCodec } from "../protobuf/codecs.ts";
import { envelopeHeaderBytes, fillEnvelopeHeader, findOnlyMessage } from "./envelope.ts";
import { setGrpcStatus } from "./status.ts";
import { streamMessages } from "./stream.ts";

const trailersOk = ResponseHeaders.trailers({ "grpc-status": "0" });

/** Responses are encoded here and copied from here into the frames of their connection, within one call. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);

/** gRPC on a stream of our own HTTP/2: unary and server-streaming calls, uncompressed. */
export class GrpcProtocol implements Protocol {
  readonly name = "grpc";
  readonly takesBody = true;
  readonly envelopeBytes = envelopeHeaderBytes;
  readonly #codec: MessageCodec;
  readonly #headersOk: ResponseHeaders;

  /** `contentType` is that of responses. */
  constructor(contentType: string, codec: MessageCodec) {
    this.#codec = codec;
    this.#headersOk = ResponseHeaders.headers(200, { "content-type": contentType });
  }

  decode(call: Call, bytes: Buffer, start: number, end: number): Message {
    const data = findOnlyMessage(bytes, start, end, call.options.requestBytesMax);
    return this.#codec.decode(call.entry.spec.method.input, bytes, data.start, data.end);
  }

  respond(call: Call, response: MessageInitShape<DescMessage>): void {
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

  stream(call: Call, messages: AsyncGenerator<Message, void, undefined>): Promise<void> {
    return streamMessages(this, this.#codec, call, messages);
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
