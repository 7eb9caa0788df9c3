import type { DescMessage, Message, MessageInitShape } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { bodyTooLarge } from "../call/body-too-large.ts";
import type { Call, Protocol } from "../call/call.ts";
import { wireError } from "../wire-error.ts";
import type { ConnectProtocol } from "./protocol.ts";

/** One unary call of Connect by GET: the message is in the query. Responses are those of POST. */
export class ConnectGetProtocol implements Protocol {
  readonly name = "connect";
  readonly takesBody = false;
  readonly #parameters: URLSearchParams;
  readonly #post: ConnectProtocol;

  constructor(parameters: URLSearchParams, post: ConnectProtocol) {
    this.#parameters = parameters;
    this.#post = post;
  }

  bodyBytesMax(): number {
    return 0;
  }

  decode(call: Call): Message | Promise<Message> {
    const bytes = this.#message();
    const { requestBytesMax } = call.options;
    if (bytes.length > requestBytesMax) throw bodyTooLarge(requestBytesMax);
    const encoding = this.#parameters.get("compression") ?? undefined;
    return this.#post.decodeMessage(call, encoding, bytes, 0, bytes.length);
  }

  respond(call: Call, response: MessageInitShape<DescMessage>): void | Promise<void> {
    return this.#post.respond(call, response);
  }

  fail(call: Call, error: ConnectError): void {
    this.#post.fail(call, error);
  }

  #message(): Buffer {
    const text = this.#parameters.get("message") ?? "";
    if (this.#parameters.get("base64") !== "1") return Buffer.from(text);
    if (isValidBase64(text)) return Buffer.from(text, "base64");
    throw wireError(Code.InvalidArgument, "REQUEST_MALFORMED", "message is not valid base64");
  }
}

/** Both alphabets; padding may be left out. */
function isValidBase64(text: string): boolean {
  const digits = /^([\w+/-]*)={0,2}$/.exec(text)?.[1];
  return digits !== undefined && digits.length % 4 !== 1;
}
