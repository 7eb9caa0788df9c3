import type { Message } from "@bufbuild/protobuf";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** The encoder and the decoder of one type of message, as tools/protoc-gen-codec.ts generates them. */
export interface GeneratedCodec {
  /** Reads up to `end`. Fields are merged into `message`, if there is one already. Throws when something is malformed. */
  read(from: Reader, end: number): Message;
  /** Writes a message, or what one can be created from. */
  write(to: Writer, message: never): void;
}
