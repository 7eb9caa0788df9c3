import type { DescMessage, Message, MessageInitShape } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type { Call } from "./call.ts";

/** What one protocol does with a call: everything else is the same for all of them. What a method throws fails the call. */
export interface Protocol {
  readonly name: string;
  /** Whether the request is in the body, or its part of it. */
  readonly takesBody: boolean;
  /** How long the body of a request may be whose message has up to `messageBytesMax` bytes. */
  bodyBytesMax(messageBytesMax: number): number;
  /** The request in `bytes[start, end)`, which is valid only during the call. A promise where it is compressed. */
  decode(call: Call, bytes: Buffer, start: number, end: number): Message | Promise<Message>;
  /** Sends the response to a unary call. A promise where it is compressed. */
  respond(call: Call, response: MessageInitShape<DescMessage>): void | Promise<void>;
  /**
   * Sends the messages of a server-streaming call, and its end. Headers go out with the first message, so that the handler
   * can still set some. Rejects with what the handler threw, unless it has told the client itself.
   */
  stream?(call: Call, messages: AsyncGenerator<Message, void, undefined>): Promise<void>;
  /** Sends an error, as the client may see it. The response may have begun. */
  fail(call: Call, error: ConnectError): void;
}
