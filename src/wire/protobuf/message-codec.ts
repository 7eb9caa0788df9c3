import type { DescMessage, Message, MessageInitShape } from "@bufbuild/protobuf";

/** Turns bytes into messages and back. */
export interface MessageCodec {
  /**
   * Decodes the bytes from `start` to `end`; default: all. Fields of type bytes are views of `bytes`. Throws a ConnectError:
   * REQUEST_MALFORMED, or TOO_MANY_OPERATIONS as soon as the lists of the message exceed their limit.
   */
  decode(message: DescMessage, bytes: Buffer, start?: number, end?: number): Message;
  /**
   * Encodes a message, or what one can be created from. The result belongs to the caller, who fills its first `headroom`
   * bytes: 16 at most, default 0.
   */
  encode(message: DescMessage, value: MessageInitShape<DescMessage>, headroom?: number): Buffer;
  /**
   * As `encode`, but without a copy: into `target` from `start` on, or into a buffer of the codec's own when the message does
   * not fit. The result is valid until the next call. When it is not in `target`, `target` may have been overwritten from
   * `start` on.
   */
  encodeInto(
    message: DescMessage,
    value: MessageInitShape<DescMessage>,
    target: Buffer,
    start: number,
  ): EncodedMessage;
}

/** The bytes of `buffer` from `start` to `end`. */
export interface EncodedMessage {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}
