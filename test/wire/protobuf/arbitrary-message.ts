import {
  create,
  type DescField,
  type DescMessage,
  type MessageInitShape,
  ScalarType,
} from "@bufbuild/protobuf";
import fc from "fast-check";

const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -3n, max: 300n }),
  // Where a varint gets one byte more, and where a number cannot hold it any longer.
  fc.integer({ min: 1, max: 62 }).map((bits) => 2n ** BigInt(bits)),
);
const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.string({ unit: "grapheme-ascii", minLength: 100, maxLength: 300 }),
  fc
    .integer({ min: 15, max: 140 })
    .chain((length) => fc.constantFrom("x".repeat(length), "é€😀".repeat(length))),
);

const scalars: Partial<Record<ScalarType, fc.Arbitrary<unknown>>> = {
  [ScalarType.STRING]: text,
  [ScalarType.BYTES]: fc.uint8Array({ maxLength: 200 }),
  [ScalarType.BOOL]: fc.boolean(),
  [ScalarType.INT32]: fc.integer(),
  [ScalarType.INT64]: int64,
};

/** Anything that a message can be created from. */
export function arbitraryMessage<Desc extends DescMessage>(
  message: Desc,
): fc.Arbitrary<MessageInitShape<Desc>> {
  const members = message.members.map((member): [string, fc.Arbitrary<unknown>] => {
    if (member.kind === "field") return [member.localName, arbitraryField(member)];
    const cases = member.fields.map((field) =>
      fc.record({ case: fc.constant(field.localName), value: arbitraryField(field) }),
    );
    return [member.localName, fc.oneof(fc.constant({ case: undefined }), ...cases)];
  });
  const record = fc.record(Object.fromEntries(members), { requiredKeys: [] });
  return record as fc.Arbitrary<MessageInitShape<Desc>>;
}

function arbitraryField(field: DescField): fc.Arbitrary<unknown> {
  const value = arbitraryValue(field);
  if (field.fieldKind === "map") {
    const { message } = field;
    // Unlike a field, a map cannot be created from what its messages can be created from.
    const created =
      message === undefined
        ? value
        : value.map((init) => create(message, init as MessageInitShape<DescMessage>));
    return fc.dictionary(fc.string(), created, { maxKeys: 3, noNullPrototype: true });
  }
  return field.fieldKind === "list" ? fc.array(value, { maxLength: 4 }) : value;
}

function arbitraryValue(field: DescField): fc.Arbitrary<unknown> {
  if (field.message !== undefined) return arbitraryMessage(field.message);
  if (field.enum !== undefined) return fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer());
  const scalar = scalars[field.scalar as ScalarType];
  if (scalar === undefined) throw new Error(`the contract has a field of another type: ${field.toString()}`);
  return scalar;
}
