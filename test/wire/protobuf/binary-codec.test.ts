import { create, fromBinary } from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  FieldDescriptorProtoSchema,
  StructSchema,
  TimestampSchema,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, it, test } from "vitest";
import { codecs as generatedCodecs } from "../../../gen/duetkv/v1/key_value_codec.ts";
import {
  BatchGetResponseSchema,
  CommitRequestSchema,
  EntrySchema,
  KeyValueService,
  ListResponseSchema,
  PutRequestSchema,
} from "../../../gen/duetkv/v1/key_value_pb.ts";
import { createBinaryCodec } from "../../../src/wire/protobuf/binary-codec.ts";
import { compareWithProtobufEs, encode, expectSameEncoding, hex, messagesOf } from "./compare-codecs.ts";
import { unwrappedMessage } from "./unwrapped-message.ts";

const codec = createBinaryCodec(new Map());

test("every message of the key-value service has a generated codec", () => {
  const names = new Set(generatedCodecs.map(([name]) => name));
  expect(messagesOf(KeyValueService).filter(({ typeName }) => !names.has(typeName))).toEqual([]);
});

compareWithProtobufEs(15);

describe("hostile bytes", () => {
  it.each<[string, number[]]>([
    ["a group", [0x7b, 0x7c]],
    ["a group that is never closed", [...Buffer.alloc(100_000, 0x7b)]],
    ["the end of a group", [0x7c]],
    ["an unknown wire type", [0x7e, 0x00]],
    ["field number 0", [0x02, 0x00]],
    ["a tag over 32 bits", [0x8a, 0x80, 0x80, 0x80, 0x10, 0x00]],
    ["text that is cut off", [0x0a, 0x05, 0x61]],
    ["a length of 4 GiB", [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x61]],
    ["a length that is 1 in its lower 32 bits", [0x0a, 0x81, 0x80, 0x80, 0x80, 0x10, 0x61]],
    ["a length without end", [0x0a, ...Buffer.alloc(12, 0xff)]],
    ["a varint of eleven bytes", [0x78, ...Buffer.alloc(10, 0x80), 0x00]],
    ["a varint that is cut off", [0x78, 0x80]],
    ["a nested value beyond its message", [0x22, 0x02, 0x08, 0x80, 0x01]],
    ["a nested length beyond its message", [0x2a, 0x02, 0x0a, 0x05, 0x61, 0x61, 0x61, 0x61, 0x61]],
    ["an unknown field beyond the end", [0x7a, 0x05, 0x61]],
    ["short text that is not UTF-8", [0x0a, 0x02, 0xc3, 0x28]],
    ["long text that is not UTF-8", [0x12, 0x64, ...Buffer.alloc(99, 0x61), 0xff]],
    ["a surrogate in UTF-8", [0x0a, 0x03, 0xed, 0xa0, 0x80]],
  ])("%s is refused", (_, bytes) => {
    const decode = () => codec.decode(PutRequestSchema, Buffer.from(bytes));
    expect(decode).toThrow("the request is not a protobuf message");
  });

  it.each<[string, number[]]>([
    [
      "unknown fields of every wire type",
      [0x78, 0x01, 0x7a, 0x01, 0x61, 0x7d, 1, 2, 3, 4, 0x79, 1, 2, 3, 4, 5, 6, 7, 8],
    ],
    ["a known field with another wire type", [0x08, 0x05]],
    ["an unknown field with a high number", [0xf8, 0xff, 0xff, 0xff, 0x0f, 0x01]],
  ])("%s: skipped", (_, bytes) => {
    const key = [0x0a, 0x01, 0x6b];
    const decoded = codec.decode(PutRequestSchema, Buffer.from([...bytes, ...key, ...bytes]));
    expect(decoded).toEqual(create(PutRequestSchema, { key: "k" }));
  });

  it("text with a replacement character is not malformed", () => {
    const init = { key: "\ufffd", value: `${"x".repeat(100)}\ufffd` };
    expect(codec.decode(PutRequestSchema, encode(PutRequestSchema, init))).toMatchObject(init);
  });

  it("text that begins with a byte order mark keeps it", () => {
    const init = { key: "\ufeff", value: `\ufeff${"x".repeat(100)}` };
    expect(codec.decode(PutRequestSchema, encode(PutRequestSchema, init))).toMatchObject(init);
  });
});

it("encodes large messages, and then small ones again", () => {
  for (const length of [65_530, 262_100, 262_144, 600_000, 1]) {
    for (const character of ["x", "é", "€", "😀"]) {
      expectSameEncoding(EntrySchema, { key: "k", value: character.repeat(length), version: 1n });
    }
    expectSameEncoding(EntrySchema, { bytesValue: Buffer.alloc(length, 7), version: 1n });
    const entries = Array.from({ length: 3 }, () => ({ value: "é".repeat(length / 2) }));
    expectSameEncoding(ListResponseSchema, { entries });
  }
});

it("replaces lone surrogates as protobuf-es does", () => {
  for (const value of ["\ud800", `${"x".repeat(50)}\udc00`]) expectSameEncoding(EntrySchema, { value });
});

it("returns buffers that later calls do not change", () => {
  const first = codec.encode(PutRequestSchema, { key: "first" });
  const large = codec.encode(PutRequestSchema, { key: "large", value: "x".repeat(500_000) });
  const before = [hex(first), hex(large)];
  codec.encode(PutRequestSchema, { key: "other", value: "y".repeat(500_000) });
  codec.encodeInto(PutRequestSchema, { key: "other", value: "z".repeat(1000) }, Buffer.alloc(10), 0);
  expect([hex(first), hex(large)]).toEqual(before);
});

it("leaves messages without a generated codec to protobuf-es", () => {
  const field = { name: "a", number: -1 };
  expectSameEncoding(FieldDescriptorProtoSchema, field);
  expectSameEncoding(StructSchema, { fields: { a: { kind: { case: "numberValue", value: 1.5 } } } });
  expectSameEncoding(DescriptorProtoSchema, {
    name: "a",
    nestedType: [{ name: "b", nestedType: [{ name: "c" }] }],
  });
  expectSameEncoding(unwrappedMessage, { text: "a" });
  const bytes = encode(unwrappedMessage, { struct: { b: 1.5 } });
  expect(codec.decode(unwrappedMessage, bytes)).toEqual(fromBinary(unwrappedMessage, bytes));
  const encoded = codec.encodeInto(FieldDescriptorProtoSchema, field, Buffer.alloc(100), 7);
  expect(hex(encoded.buffer.subarray(encoded.start, encoded.end))).toBe(
    hex(encode(FieldDescriptorProtoSchema, field)),
  );
});

it("keeps unknown fields, also of nested messages", () => {
  const unknown = fromBinary(TimestampSchema, Uint8Array.of(0x08, 0x01, 0x78, 0x05));
  expectSameEncoding(BatchGetResponseSchema, { entries: [{ key: "k", updateTime: unknown }] });
});

it("stops at the first list element over the limit", () => {
  const limit = { elementsMax: 1000, message: "a commit has at most 1000 operations" };
  const limited = createBinaryCodec(new Map([[CommitRequestSchema.typeName, limit]]));
  const check = Buffer.of(0x0a, 0x00);
  const mutation = Buffer.of(0x12, 0x00);
  const full = Buffer.concat([check, Buffer.alloc(2 * 999, mutation)]);
  expect(limited.decode(CommitRequestSchema, full)).toMatchObject({
    checks: { length: 1 },
    mutations: { length: 999 },
  });
  // What follows is malformed, which a decoder that goes on would find.
  const over = Buffer.concat([full, mutation, Buffer.alloc(3_000_000, 0xff)]);
  expect(() => limited.decode(CommitRequestSchema, over)).toThrow(limit.message);
});
