import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";

/**
 * Reads protobuf as its specification says, slowly: the encoding of `message` without the fields that are unknown or have
 * another wire type than the contract's. Throws when the bytes are malformed or have groups.
 */
export function usualFields(message: DescMessage, bytes: Uint8Array): Buffer {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at);
    if (tag.value > 0xffff_ffffn || tag.value < 8n || tag.end - at > 5) throw new Error("tag");
    const number = Number(tag.value >> 3n);
    const wireType = Number(tag.value & 7n);
    const field = message.fields.find((each) => each.number === number);
    const { start, end } = readValue(bytes, tag.end, wireType);
    if (field !== undefined && wireTypeOf(field) === wireType) {
      if (field.message === undefined) {
        parts.push(bytes.subarray(at, end));
      } else {
        const nested = usualFields(field.message, bytes.subarray(start, end));
        parts.push(bytes.subarray(at, tag.end), varint(nested.length), nested);
      }
    }
    at = end;
  }
  return Buffer.concat(parts);
}

function readValue(bytes: Uint8Array, at: number, wireType: number): { start: number; end: number } {
  let start = at;
  let end: number;
  if (wireType === 0) {
    ({ end } = readVarint(bytes, at));
  } else if (wireType === 2) {
    const length = readVarint(bytes, at);
    start = length.end;
    if (length.value > BigInt(bytes.length)) throw new Error("length");
    end = start + Number(length.value);
  } else if (wireType === 1 || wireType === 5) {
    end = at + (wireType === 1 ? 8 : 4);
  } else {
    throw new Error("wire type");
  }
  if (end > bytes.length) throw new Error("cut off");
  return { start, end };
}

function readVarint(bytes: Uint8Array, at: number): { value: bigint; end: number } {
  let value = 0n;
  for (let index = 0; index < 10; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) throw new Error("cut off");
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) return { value: BigInt.asUintN(64, value), end: at + index + 1 };
  }
  throw new Error("varint");
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Uint8Array.of(...bytes, rest);
}

function wireTypeOf(field: DescField): number {
  if (field.message !== undefined) return 2;
  return field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES ? 2 : 0;
}
