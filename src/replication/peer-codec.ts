import type { DescMessage, Message, MessageInitShape } from "@bufbuild/protobuf";

/** The codec for the messages between replicas: that of the wire, which this room does not know. */
export interface PeerCodec {
  encode(message: DescMessage, value: MessageInitShape<DescMessage>): Buffer;
  /** Throws when the bytes are no such message. */
  decode(message: DescMessage, bytes: Buffer): Message;
}
