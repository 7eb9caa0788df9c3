import {
  type DescMessage,
  fromBinary,
  fromJsonString,
  type Message,
  type Registry,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { wireError } from "../wire-error.ts";

/** Turns bytes into messages and back. */
export interface MessageCodec {
  /** Throws REQUEST_MALFORMED. */
  decode(message: DescMessage, bytes: Uint8Array): Message;
  encode(message: DescMessage, value: Message): Uint8Array;
}

export const binaryCodec: MessageCodec = {
  decode(message, bytes) {
    try {
      // Unknown fields have nobody who would read them.
      return fromBinary(message, bytes, { readUnknownFields: false });
    } catch (error) {
      throw wireError(
        Code.InvalidArgument,
        "REQUEST_MALFORMED",
        "the request is not a protobuf message",
        error,
      );
    }
  },
  encode: (message, value) => toBinary(message, value),
};

export function createJsonCodec(registry: Registry): MessageCodec {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const encoder = new TextEncoder();
  return {
    decode(message, bytes) {
      try {
        return fromJsonString(message, decoder.decode(bytes), { registry });
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error);
        throw wireError(
          Code.InvalidArgument,
          "REQUEST_MALFORMED",
          `the request is not understood: ${detail}`,
          error,
        );
      }
    },
    encode: (message, value) =>
      encoder.encode(toJsonString(message, value, { alwaysEmitImplicit: true, registry })),
  };
}
