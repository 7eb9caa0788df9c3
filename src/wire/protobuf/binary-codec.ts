import {
  create,
  type DescMessage,
  fromBinary,
  type Message,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { codecs as forwardingCodecs } from "../../../gen/duetkv/internal/v1/forwarding_codec.ts";
import { codecs as keyValueCodecs } from "../../../gen/duetkv/v1/key_value_codec.ts";
import { codecs as statusCodecs } from "../../../gen/duetkv/v1/status_codec.ts";
import { codecs as reflectionCodecs } from "../../../gen/grpc/reflection/v1/reflection_codec.ts";
import { codecs as reflectionAlphaCodecs } from "../../../gen/grpc/reflection/v1alpha/reflection_codec.ts";
import { codecs as healthCodecs } from "../../../gen/health/v1/health_codec.ts";
import { wireError } from "../wire-error.ts";
import type { GeneratedCodec } from "./generated-codec.ts";
import { type ListLimits, tooManyElements } from "./list-limits.ts";
import type { EncodedMessage, MessageCodec } from "./message-codec.ts";
import { Reader, TooManyElementsError } from "./reader.ts";
import { Writer } from "./writer.ts";

/** By the full name of the message. */
const generatedCodecs = new Map<string, GeneratedCodec>([
  ...keyValueCodecs,
  ...statusCodecs,
  ...healthCodecs,
  ...reflectionCodecs,
  ...reflectionAlphaCodecs,
  ...forwardingCodecs,
]);

const reader = new Reader();
const writer = new Writer();

/** Protobuf, by generated code. protobuf-es handles the messages for which none is generated. */
export function createBinaryCodec(listLimits: ListLimits): MessageCodec {
  return {
    decode(message, bytes, start = 0, end = bytes.length) {
      const limit = listLimits.get(message.typeName);
      try {
        return decode(message, bytes, start, end, limit?.elementsMax ?? Number.POSITIVE_INFINITY);
      } catch (error) {
        if (error instanceof TooManyElementsError && limit !== undefined) throw tooManyElements(limit);
        const text = "the request is not a protobuf message";
        throw wireError(Code.InvalidArgument, "REQUEST_MALFORMED", text, error);
      } finally {
        reader.finish();
      }
    },
    encode(message, value, headroom = 0) {
      const codec = generatedCodecs.get(message.typeName);
      if (codec !== undefined) {
        writer.begin();
        codec.write(writer, value as never);
        return writer.finish(headroom);
      }
      const encoded = encodeByLibrary(message, value);
      const result = Buffer.allocUnsafe(headroom + encoded.length);
      result.set(encoded, headroom);
      return result;
    },
    encodeInto(message, value, target, start): EncodedMessage {
      const codec = generatedCodecs.get(message.typeName);
      if (codec !== undefined) {
        writer.begin(target, start);
        codec.write(writer, value as never);
        return writer;
      }
      const { buffer, byteOffset, byteLength } = encodeByLibrary(message, value);
      return { buffer: Buffer.from(buffer, byteOffset, byteLength), start: 0, end: byteLength };
    },
  };
}

function decode(
  message: DescMessage,
  bytes: Buffer,
  start: number,
  end: number,
  elementsMax: number,
): Message {
  const codec = generatedCodecs.get(message.typeName);
  // No handler reads unknown fields.
  if (codec === undefined)
    return fromBinary(message, bytes.subarray(start, end), { readUnknownFields: false });
  reader.begin(bytes, start, elementsMax);
  return codec.read(reader, end);
}

function encodeByLibrary(message: DescMessage, value: MessageInitShape<DescMessage>): Uint8Array {
  return toBinary(message, create(message, value));
}
