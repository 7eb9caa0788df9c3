import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { DescMessage, Message, MessageInitShape } from "@bufbuild/protobuf";
import { type BodyReader, readBody } from "../body.ts";
import { toHeaders } from "../headers.ts";
import { type Caller, Invocation, invokeUnary, type UnaryCaller } from "../invocation.ts";
import type { MethodEntry } from "../method-table.ts";
import type { MessageCodec } from "../protobuf/codecs.ts";
import { toReportedError } from "../wire-error.ts";
import { decodeOnlyEnvelope, encodeMessage, envelopeHeaderBytes } from "./envelope.ts";
import { GrpcAnswer } from "./grpc-answer.ts";
import { answerWithStream } from "./grpc-stream.ts";
import type { LaneOptions } from "./lane.ts";

/** One gRPC call on its way: its body comes in, its handler is called, its answer goes out. */
export class GrpcCall implements Caller, BodyReader, UnaryCaller {
  readonly protocolName = "grpc";
  readonly requestMethod = "POST";
  readonly #stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;
  readonly #entry: MethodEntry;
  readonly #codec: MessageCodec;
  readonly #options: LaneOptions;
  readonly #invocation: Invocation;
  readonly #answer: GrpcAnswer;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    entry: MethodEntry,
    codec: MessageCodec,
    options: LaneOptions,
    headersOk: OutgoingHttpHeaders,
    timeoutMs: number | undefined,
  ) {
    this.#stream = stream;
    this.#headers = headers;
    this.#entry = entry;
    this.#codec = codec;
    this.#options = options;
    this.#invocation = new Invocation(entry, this, options.shutdownSignal, timeoutMs);
    this.#answer = new GrpcAnswer(stream, this.#invocation, headersOk);
  }

  get url(): string {
    const { ":scheme": scheme, ":authority": authority, ":path": path } = this.#headers;
    return `${scheme}://${authority}${path}`;
  }

  requestHeader(): Headers {
    return toHeaders(this.#headers);
  }

  whenGone(callback: () => void): void {
    if (this.#stream.destroyed) callback();
    else this.#stream.once("close", callback);
  }

  begin(): void {
    const bytesMax = envelopeHeaderBytes + this.#options.limits.requestBytesMax;
    readBody(this.#stream, this.#headers, bytesMax, this.#invocation, this);
  }

  receive(body: Buffer): void {
    const { kind, method } = this.#entry.spec;
    try {
      const data = decodeOnlyEnvelope(body, this.#options.limits.requestBytesMax);
      const request = this.#codec.decode(method.input, data);
      if (kind === "unary") invokeUnary(this.#entry, request, this.#invocation, this);
      else this.#answerWithStream(request);
    } catch (error) {
      this.fail(error);
    }
  }

  succeed(response: MessageInitShape<DescMessage>): void {
    try {
      const envelope = encodeMessage(this.#codec, this.#entry.spec.method.output, response);
      this.#answer.begin();
      this.#answer.succeed(envelope);
    } catch (error) {
      this.fail(error);
    }
  }

  fail(thrown: unknown): void {
    this.#invocation.finish();
    const { log } = this.#options;
    const { path } = this.#entry;
    try {
      this.#answer.fail(toReportedError(thrown, this.#options, path));
    } catch (unwritable) {
      log.error({ err: unwritable, path }, "response could not be written");
      this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    }
  }

  #answerWithStream(request: Message): void {
    const answering = answerWithStream(
      this.#stream,
      this.#answer,
      this.#entry,
      this.#codec,
      request,
      this.#invocation,
    );
    answering.catch((error: unknown) => this.fail(error));
  }
}
