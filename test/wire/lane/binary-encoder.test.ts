import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  FieldDescriptorProtoSchema,
  StructSchema,
  TimestampSchema,
} from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { expect, it } from "vitest";
import {
  BatchGetResponseSchema,
  CommitRequestSchema,
  EntrySchema,
  GetResponseSchema,
  ListResponseSchema,
  WatchResponseSchema,
} from "../../../gen/duetkv/v1/key_value_pb.ts";
import { encodeBinary } from "../../../src/wire/lane/binary-encoder.ts";
import { unwrappedMessage } from "./unwrapped-message.ts";

function expectSame<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): void {
  const message = create(schema, init);
  const encoded = Buffer.from(encodeBinary(schema, message));
  expect(encoded.toString("hex")).toBe(Buffer.from(toBinary(schema, message)).toString("hex"));
}

it.each([
  [{}],
  [{ key: "k", value: "", bytesValue: new Uint8Array() }],
  [{ key: "é€😀", value: "x".repeat(300), revision: 127n, createRevision: 128n, version: 2n ** 53n }],
  [{ revision: -1n, createRevision: 2n ** 63n - 1n, version: -(2n ** 63n) }],
  [{ updateTime: { seconds: -5n, nanos: 999_999_999 }, expireTime: {} }],
  [{ bytesValue: Uint8Array.of(0, 255), value: "\ufeff" }],
])("encodes %o as protobuf-es does", (init) => {
  expectSame(EntrySchema, init);
});

it("encodes what is nested and repeated as protobuf-es does", () => {
  const entry = { key: "k".repeat(200), value: "v", updateTime: { seconds: 1n } };
  expectSame(GetResponseSchema, { revision: 7n, entry });
  expectSame(ListResponseSchema, { entries: [entry, {}, entry], nextPageToken: "t", count: 5n });
  expectSame(BatchGetResponseSchema, { missingKeys: ["", "a"], entries: [entry] });
  expectSame(WatchResponseSchema, {
    events: [{ type: 2, entry, previous: entry, expired: true }],
    existingEnd: true,
  });
});

it("encodes what is large, and then what is small again", () => {
  for (const length of [65_530, 65_536, 200_000, 3_000_000, 1]) {
    for (const character of ["x", "é", "€", "😀"]) {
      expectSame(EntrySchema, { key: "k", value: character.repeat(length), version: 1n });
      expectSame(EntrySchema, { key: "k", value: `x${character.repeat(length)}` });
    }
    expectSame(EntrySchema, { key: "k", bytesValue: Buffer.alloc(length, 7) });
    expectSame(EntrySchema, { bytesValue: Buffer.alloc(length, 7), version: 1n });
    expectSame(ListResponseSchema, {
      entries: Array.from({ length: 3 }, () => ({ value: "é".repeat(length / 2) })),
    });
  }
});

it("encodes what a message can be made of as the message", () => {
  const init = { revision: 7n, entries: [{ key: "k", updateTime: { nanos: 5 } }, {}], missingKeys: [] };
  const encoded = encodeBinary(BatchGetResponseSchema, init, 3);
  const expected = toBinary(BatchGetResponseSchema, create(BatchGetResponseSchema, init));
  expect(encoded.subarray(3).toString("hex")).toBe(Buffer.from(expected).toString("hex"));
});

it("leaves to protobuf-es what it does not know", () => {
  expectSame(CommitRequestSchema, { mutations: [{ kind: { case: "delete", value: { key: "a" } } }] });
  expectSame(StructSchema, { fields: { a: { kind: { case: "numberValue", value: 1.5 } } } });
  expectSame(FieldDescriptorProtoSchema, { name: "a", number: -1 });
  expectSame(DescriptorProtoSchema, {
    name: "a",
    nestedType: [{ name: "b", nestedType: [{ name: "c", extensionRange: [{ start: 5 }] }] }],
  });
  expectSame(unwrappedMessage, { text: "a" });
  expectSame(unwrappedMessage, { struct: { b: 1.5 } });
});

it("keeps unknown fields, also of nested messages", () => {
  const unknown = fromBinary(TimestampSchema, Uint8Array.of(0x08, 0x01, 0x78, 0x05));
  expectSame(TimestampSchema, unknown);
  expectSame(EntrySchema, { key: "k", updateTime: unknown });
});

it("encodes any entry as protobuf-es does", () => {
  const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  const entry = fc.record(
    {
      key: fc.string({ unit: "grapheme" }),
      value: fc.string({ unit: "grapheme" }),
      bytesValue: fc.uint8Array(),
      revision: int64,
      version: fc.oneof(int64, fc.bigInt({ min: 0n, max: 300n })),
      updateTime: fc.record({ seconds: int64, nanos: fc.integer() }),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(entry, (init) => expectSame(EntrySchema, init as MessageInitShape<typeof EntrySchema>)),
  );
});
