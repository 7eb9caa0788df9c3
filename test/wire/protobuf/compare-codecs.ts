import {
  create,
  type DescMessage,
  type DescService,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeyValueService } from "../../../gen/duetkv/v1/key_value_pb.ts";
import { ServerReflection } from "../../../gen/grpc/reflection/v1/reflection_pb.ts";
import { Health } from "../../../gen/health/v1/health_pb.ts";
import { createBinaryCodec } from "../../../src/wire/protobuf/binary-codec.ts";
import { seed } from "../../support/random.ts";
import { arbitraryMessage } from "./arbitrary-message.ts";
import { usualFields } from "./usual-fields.ts";

const codec = createBinaryCodec(new Map());
export const messagesOf = (service: DescService): DescMessage[] =>
  service.methods.flatMap(({ input, output }) => [input, output]);
const services = [KeyValueService, Health, ServerReflection];
const schemas = services.flatMap(messagesOf);
const requests = services.flatMap(({ methods }) => methods).map(({ input }) => input);

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

export function encode<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Buffer {
  return Buffer.from(toBinary(schema, create(schema, init)));
}

export function expectSameEncoding<Desc extends DescMessage>(
  schema: Desc,
  init: MessageInitShape<Desc>,
): void {
  const expected = hex(encode(schema, init));
  expect(hex(codec.encode(schema, init))).toBe(expected);
  expect(hex(codec.encode(schema, init, 5).subarray(5))).toBe(expected);
}

/** The message, or undefined when the bytes are refused. */
function outcome(decode: () => unknown): unknown {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

/** Tests with `count` random messages of each schema, and 60 times as many random byte strings. */
export function compareWithProtobufEs(count: number): void {
  const runs = { seed, numRuns: count };

  describe.each(schemas.map((schema) => [schema.name, schema] as const))("%s", (_, schema) => {
    it("is encoded as protobuf-es does", () => {
      fc.assert(
        fc.property(arbitraryMessage(schema), (init) => expectSameEncoding(schema, init)),
        runs,
      );
    });

    it("is encoded in place where it fits, and in another buffer where it does not", () => {
      const property = fc.property(
        arbitraryMessage(schema),
        fc.nat(300),
        fc.nat(600),
        (init, start, room) => {
          const target = Buffer.alloc(start + room, 0xee);
          const encoded = codec.encodeInto(schema, init, target, start);
          expect(hex(encoded.buffer.subarray(encoded.start, encoded.end))).toBe(hex(encode(schema, init)));
          if (encoded.buffer === target) expect(encoded.start).toBe(start);
          expect(target.subarray(0, start).every((byte) => byte === 0xee)).toBe(true);
        },
      );
      fc.assert(property, runs);
    });

    it("is decoded as protobuf-es does", () => {
      const property = fc.property(
        arbitraryMessage(schema),
        fc.nat(20),
        fc.nat(20),
        (init, before, after) => {
          const bytes = encode(schema, init);
          const within = Buffer.concat([Buffer.alloc(before, 0xff), bytes, Buffer.alloc(after, 0xff)]);
          const decoded = codec.decode(schema, within, before, before + bytes.length);
          expect(decoded).toEqual(fromBinary(schema, bytes));
          expect(hex(toBinary(schema, decoded))).toBe(hex(bytes));
        },
      );
      fc.assert(property, runs);
    });

    it("is merged as protobuf-es does when its encodings follow one another", () => {
      const message = arbitraryMessage(schema);
      const property = fc.property(message, message, (first, second) => {
        const bytes = Buffer.concat([encode(schema, first), encode(schema, second)]);
        expect(codec.decode(schema, bytes)).toEqual(fromBinary(schema, bytes));
      });
      fc.assert(property, runs);
    });
  });

  describe("random bytes", () => {
    function expectAsSpecified(schema: DescMessage, bytes: Uint8Array): void {
      const expected = outcome(() => fromBinary(schema, usualFields(schema, bytes)));
      expect(outcome(() => codec.decode(schema, Buffer.from(bytes)))).toEqual(expected);
    }

    it("are decoded as the specification says", () => {
      const bytes = fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        // Tags and lengths that occur in the contract.
        fc.array(fc.integer({ min: 0, max: 0x2c }), { maxLength: 40 }).map((list) => Uint8Array.from(list)),
      );
      fc.assert(fc.property(fc.constantFrom(...requests), bytes, expectAsSpecified), {
        seed,
        numRuns: 60 * count,
      });
    });

    it("are decoded as the specification says when they were a message once", () => {
      const change = fc.record({ at: fc.nat(), byte: fc.nat(255) });
      const property = fc.property(
        fc
          .constantFrom(...requests)
          .chain((schema) => fc.tuple(fc.constant(schema), arbitraryMessage(schema))),
        fc.nat(),
        fc.array(change, { maxLength: 3 }),
        ([schema, init], cut, changes) => {
          const bytes = encode(schema, init);
          const changed = bytes.subarray(0, cut % 3 === 0 ? bytes.length : cut % (bytes.length + 1));
          for (const { at, byte } of changes) if (changed.length > 0) changed[at % changed.length] = byte;
          expectAsSpecified(schema, changed);
        },
      );
      fc.assert(property, { seed, numRuns: 30 * count });
    });
  });
}
