import {
  create,
  type DescMessage,
  fromJsonString,
  type JsonValue,
  type MessageInitShape,
  type Registry,
  toJsonString,
} from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describeJsonFault } from "../json-fault.ts";
import { wireError } from "../wire-error.ts";
import { checkNumbersOfJson } from "./exact-numbers.ts";
import { checkListsOfJson, type ListLimits } from "./list-limits.ts";
import type { EncodedMessage, MessageCodec } from "./message-codec.ts";

/** A UTF-16 code unit takes up to three bytes of UTF-8. */
const unitBytesMax = 3;

/** The JSON form of protobuf, by protobuf-es. */
export function createJsonCodec(registry: Registry, listLimits: ListLimits): MessageCodec {
  const decoder = new TextDecoder("utf-8", { fatal: true });

  function toText(message: DescMessage, value: MessageInitShape<DescMessage>): string {
    return toJsonString(message, create(message, value), { alwaysEmitImplicit: true, registry });
  }

  return {
    decode(message, bytes, start = 0, end = bytes.length) {
      let text: string;
      try {
        text = decoder.decode(bytes.subarray(start, end));
      } catch (error) {
        throw malformed("the request is not UTF-8", error);
      }
      try {
        checkJson(message, JSON.parse(text) as JsonValue, listLimits);
        // From the text, in which protobuf-es finds repeated names.
        return fromJsonString(message, text, { registry });
      } catch (error) {
        if (error instanceof ConnectError) throw error;
        throw malformed(`the request is not JSON of ${message.typeName}: ${describeJsonFault(error)}`, error);
      }
    },
    encode(message, value, headroom = 0) {
      const text = toText(message, value);
      const bytes = Buffer.allocUnsafe(headroom + Buffer.byteLength(text));
      bytes.write(text, headroom);
      return bytes;
    },
    encodeInto(message, value, target, start): EncodedMessage {
      const text = toText(message, value);
      if (target.length - start >= text.length * unitBytesMax) {
        return { buffer: target, start, end: start + target.write(text, start) };
      }
      const buffer = Buffer.from(text);
      return { buffer, start: 0, end: buffer.length };
    },
  };
}

/**
 * Throws TOO_MANY_OPERATIONS for lists over their limit and NUMBER_INEXACT for numbers that have lost digits. `json` is what
 * JSON.parse makes of a message.
 */
export function checkJson(message: DescMessage, json: JsonValue, listLimits: ListLimits): void {
  checkListsOfJson(message, json, listLimits);
  checkNumbersOfJson(message, json);
}

function malformed(message: string, cause: unknown): ConnectError {
  return wireError(Code.InvalidArgument, "REQUEST_MALFORMED", message, cause);
}
