import { isUtf8 } from "node:buffer";
import type { Entry } from "./client/messages.ts";

/** The value of an entry; empty in responses without values. */
export function readValue({ value, bytesValue }: Entry): Buffer {
  return bytesValue === undefined ? Buffer.from(value ?? "") : Buffer.from(bytesValue, "base64");
}

/** The field of a put that holds the value: text if it is valid UTF-8, unless `asBytes`. */
export function toValueField(value: Buffer, asBytes: boolean): { value: string } | { bytesValue: string } {
  return asBytes || !isUtf8(value) ? { bytesValue: value.toString("base64") } : { value: value.toString() };
}
