import type { Registry } from "@bufbuild/protobuf";
import { createBinaryCodec } from "./binary-codec.ts";
import { checkJson, createJsonCodec } from "./json-codec.ts";
import type { ListLimits } from "./list-limits.ts";
import type { MessageCodec } from "./message-codec.ts";

export { checkJson, type ListLimits, type MessageCodec };

/** One codec for each form that a message has on the wire. */
export interface Codecs {
  readonly binary: MessageCodec;
  readonly json: MessageCodec;
}

/** The door of this room. `registry` has the types that JSON names. */
export function createCodecs(registry: Registry, listLimits: ListLimits): Codecs {
  return { binary: createBinaryCodec(listLimits), json: createJsonCodec(registry, listLimits) };
}
