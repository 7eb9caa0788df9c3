import {
  create,
  type DescMessage,
  fromJsonString,
  type Message,
  type MessageInitShape,
  type Registry,
  toJsonString,
} from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { describeJsonFault } from "../json-fault.ts";
import { wireError } from "../wire-error.ts";
import { decodeBinary } from "./binary-decoder.ts";
import { encodeBinary } from "./binary-encoder.ts";

/** Turns bytes into messages and back. */
export interface MessageCodec {
  /** Throws REQUEST_MALFORMED. */
  decode(message: DescMessage, bytes: Buffer): Message;
  /** What a message can be made of will do. The first `headroom` bytes are left for the caller to fill. Default: none. */
  encode(message: DescMessage, value: MessageInitShape<DescMessage>, headroom?: number): Buffer;
}

export const binaryCodec: MessageCodec = {
  decode(message, bytes) {
    try {
      return decodeBinary(message, bytes);
    } catch (error) {
      throw malformed("the request is not a protobuf message", error);
    }
  },
  encode: encodeBinary,
};

export function createJsonCodec(registry: Registry): MessageCodec {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  return {
    decode(message, bytes) {
      let text: string;
      try {
        text = decoder.decode(bytes);
      } catch (error) {
        throw malformed("the request is not UTF-8", error);
      }
      try {
        return fromJsonString(message, text, { registry });
      } catch (error) {
        throw malformed(`the request is not JSON of ${message.typeName}: ${describeJsonFault(error)}`, error);
      }
    },
    encode(message, value, headroom = 0) {
      const json = toJsonString(message, create(message, value), { alwaysEmitImplicit: true, registry });
      const bytes = Buffer.allocUnsafe(headroom + Buffer.byteLength(json));
      bytes.write(json, headroom);
      return bytes;
    },
  };
}

function malformed(message: string, cause: unknown): ConnectError {
  return wireError(Code.InvalidArgument, "REQUEST_MALFORMED", message, cause);
}
