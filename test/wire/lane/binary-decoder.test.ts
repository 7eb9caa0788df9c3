import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { FieldDescriptorProtoSchema, StructSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { expect, it } from "vitest";
import {
  BatchGetRequestSchema,
  CommitRequestSchema,
  type Consistency,
  GetRequestSchema,
  ListRequestSchema,
  PutRequestSchema,
  WatchRequestSchema,
} from "../../../gen/duetkv/v1/key_value_pb.ts";
import { decodeBinary } from "../../../src/wire/lane/binary-decoder.ts";
import { unwrappedMessage } from "./unwrapped-message.ts";

function outcome(decode: () => unknown): unknown {
  try {
    return decode();
  } catch (error) {
    return String(error);
  }
}

/** Both give the same message, or fail alike. */
function expectSame(schema: DescMessage, bytes: Uint8Array): void {
  const data = Buffer.from(bytes);
  const ours = outcome(() => decodeBinary(schema, data));
  expect(ours).toEqual(outcome(() => fromBinary(schema, data, { readUnknownFields: false })));
}

function encode<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Uint8Array {
  return toBinary(schema, create(schema, init));
}

const put = { key: "k", value: "é€😀", ttl: { seconds: 5n, nanos: 7 } };

it.each<[string, DescMessage, Uint8Array]>([
  ["nothing", GetRequestSchema, new Uint8Array()],
  [
    "scalars",
    GetRequestSchema,
    encode(GetRequestSchema, { key: "a", consistency: 1, minRevision: 2n ** 40n }),
  ],
  ["a bool", ListRequestSchema, encode(ListRequestSchema, { reverse: true, pageSize: 1000 })],
  ["what is nested", PutRequestSchema, encode(PutRequestSchema, put)],
  [
    "a list of texts",
    BatchGetRequestSchema,
    encode(BatchGetRequestSchema, { keys: ["", "a", "x".repeat(300)] }),
  ],
  ["an unwrapped text", unwrappedMessage, encode(unwrappedMessage, { text: "a" })],
  ["an unwrapped struct", unwrappedMessage, encode(unwrappedMessage, { struct: { b: 1.5 } })],
  ["an empty optional text", PutRequestSchema, encode(PutRequestSchema, { value: "" })],
  ["a byte order mark", PutRequestSchema, encode(PutRequestSchema, { value: `\ufeff${"x".repeat(100)}` })],
  [
    "oneofs",
    CommitRequestSchema,
    encode(CommitRequestSchema, {
      checks: [{ key: "a", precondition: { condition: { case: "revision", value: 0n } } }],
      mutations: [{ kind: { case: "put", value: put } }, { kind: { case: "delete", value: { key: "b" } } }],
    }),
  ],
])("decodes %s as protobuf-es does", (_, schema, bytes) => {
  expectSame(schema, bytes);
});

const half = (init: MessageInitShape<typeof PutRequestSchema>) => encode(PutRequestSchema, init);
const condition = (value: boolean) => half({ precondition: { condition: { case: "exists", value } } });

it.each<[string, DescMessage, Uint8Array]>([
  ["a negative number", GetRequestSchema, encode(GetRequestSchema, { minRevision: -1n })],
  ["a large number", GetRequestSchema, encode(GetRequestSchema, { minRevision: 2n ** 62n })],
  ["an unknown enum value", GetRequestSchema, encode(GetRequestSchema, { consistency: 77 as Consistency })],
  ["a negative enum value", GetRequestSchema, encode(GetRequestSchema, { consistency: -1 as Consistency })],
  ["a bool that is two", ListRequestSchema, Uint8Array.of(0x20, 0x02)],
  ["a field twice", PutRequestSchema, Buffer.concat([half({ key: "a" }), half({ key: "b" })])],
  [
    "a message in two parts",
    PutRequestSchema,
    Buffer.concat([half({ ttl: { seconds: 1n } }), half({ ttl: { nanos: 2 } })]),
  ],
  ["a oneof twice", PutRequestSchema, Buffer.concat([condition(true), condition(false)])],
  ["an unknown field", GetRequestSchema, Uint8Array.of(0x78, 0x01)],
  ["the wrong wire type", GetRequestSchema, Uint8Array.of(0x08, 0x01)],
  ["a group", GetRequestSchema, Uint8Array.of(0x7b, 0x7c)],
  ["field number 0", GetRequestSchema, Uint8Array.of(0x02, 0x00)],
  ["a cut-off text", GetRequestSchema, Uint8Array.of(0x0a, 0x05, 0x61)],
  ["text that is not UTF-8", GetRequestSchema, Uint8Array.of(0x0a, 0x02, 0xc3, 0x28)],
  ["a varint without end", GetRequestSchema, Uint8Array.of(0x18, ...Buffer.alloc(12, 0xff))],
  ["a nested length beyond its parent", PutRequestSchema, Uint8Array.of(0x22, 0x02, 0x08, 0x80, 0x01)],
  [
    "a map",
    StructSchema,
    encode(StructSchema, { fields: { a: { kind: { case: "boolValue", value: true } } } }),
  ],
  [
    "proto2",
    FieldDescriptorProtoSchema,
    encode(FieldDescriptorProtoSchema, { name: "a", number: 5, label: 3 }),
  ],
])("decodes %s as protobuf-es does, which it asks", (_, schema, bytes) => {
  expectSame(schema, bytes);
});

const schemas = [
  PutRequestSchema,
  GetRequestSchema,
  CommitRequestSchema,
  BatchGetRequestSchema,
  WatchRequestSchema,
];

it("decodes any bytes as protobuf-es does", () => {
  fc.assert(fc.property(fc.constantFrom(...schemas), fc.uint8Array({ maxLength: 40 }), expectSame), {
    numRuns: 5000,
  });
});

it("decodes any request, cut off and changed anywhere, as protobuf-es does", () => {
  const seconds = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  const request = fc.record(
    {
      key: fc.string({ unit: "binary" }),
      value: fc.string({ unit: "grapheme", maxLength: 100 }),
      bytesValue: fc.uint8Array(),
      ttl: fc.record({ seconds, nanos: fc.integer() }),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(request, fc.nat(), fc.nat(), fc.nat(255), (init, cut, place, byte) => {
      const mutations = [
        { kind: { case: "put" as const, value: { ...init, key: init.key?.toWellFormed() ?? "" } } },
      ];
      const bytes = encode(CommitRequestSchema, { mutations });
      expectSame(CommitRequestSchema, bytes);
      const changed = bytes.subarray(0, cut % (bytes.length + 1)).slice();
      if (changed.length > 0) changed[place % changed.length] = byte;
      expectSame(CommitRequestSchema, changed);
    }),
    { numRuns: 2000 },
  );
});
