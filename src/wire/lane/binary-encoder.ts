import { type DescField, type DescMessage, type Message, ScalarType, toBinary } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { BackwardWriter } from "./backward-writer.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Writes one field, with its tag, if it is set. */
type FieldEncoder = (writer: BackwardWriter, fields: Fields) => void;

/** A value by itself, without its tag. */
interface ValueEncoder {
  readonly wireType: 0 | 2;
  /** What a field without presence leaves out. */
  isDefault(value: unknown): boolean;
  write(writer: BackwardWriter, value: unknown): void;
}

const writer = new BackwardWriter();

/**
 * Encodes a message as protobuf, after `headroom` bytes that are left for the caller to fill. protobuf-es allocates and
 * cuts a buffer for each message, which costs more than all else in a small answer; whatever this does not know, it leaves
 * to protobuf-es.
 */
export function encodeBinary(message: DescMessage, value: Message, headroom = 0): Buffer {
  const encoders = encodersOf(message);
  if (encoders === undefined || value.$unknown !== undefined) {
    return Buffer.concat([Buffer.alloc(headroom), toBinary(message, value)]);
  }
  writer.begin();
  writeFields(encoders, value);
  return writer.finish(headroom);
}

/** By message, the fields from the last to the first: they are written backwards. undefined: one is not known here. */
const encodersByMessage = new WeakMap<DescMessage, readonly FieldEncoder[] | undefined>();

function encodersOf(message: DescMessage): readonly FieldEncoder[] | undefined {
  const found = encodersByMessage.get(message);
  if (found !== undefined || encodersByMessage.has(message)) return found;
  // A message that contains itself is left to protobuf-es too.
  encodersByMessage.set(message, undefined);
  const encoders: FieldEncoder[] = [];
  for (const field of message.fields.toSorted((a, b) => b.number - a.number)) {
    const encoder = fieldEncoder(field);
    if (encoder === undefined) return undefined;
    encoders.push(encoder);
  }
  encodersByMessage.set(message, encoders);
  return encoders;
}

function writeFields(encoders: readonly FieldEncoder[], fields: Fields): void {
  for (let index = 0; index < encoders.length; index++) (encoders[index] as FieldEncoder)(writer, fields);
}

function fieldEncoder(field: DescField): FieldEncoder | undefined {
  const value = valueEncoder(field);
  if (value === undefined || field.oneof !== undefined) return undefined;
  const tag = field.number * 8 + value.wireType;
  const name = field.localName;
  if (field.fieldKind === "list") return value.wireType === 2 ? listEncoder(name, tag, value) : undefined;
  // The fields that always have a value; the others have their defaults on the prototype.
  const isSet =
    field.presence === FeatureSet_FieldPresence.IMPLICIT
      ? (fields: Fields) => !value.isDefault(fields[name])
      : (fields: Fields) => fields[name] !== undefined && Object.hasOwn(fields, name);
  return (target, fields) => {
    if (!isSet(fields)) return;
    value.write(target, fields[name]);
    target.varint(tag);
  };
}

function listEncoder(name: string, tag: number, value: ValueEncoder): FieldEncoder {
  return (target, fields) => {
    const list = fields[name] as readonly unknown[];
    for (let index = list.length - 1; index >= 0; index--) {
      value.write(target, list[index]);
      target.varint(tag);
    }
  };
}

function valueEncoder(field: DescField): ValueEncoder | undefined {
  if (field.fieldKind === "map") return undefined;
  if ("longAsString" in field && field.longAsString) return undefined;
  if ("delimitedEncoding" in field && field.delimitedEncoding) return undefined;
  if (field.message !== undefined) return messageEncoder(field.message);
  return field.enum === undefined ? scalarEncoders[field.scalar] : int32Encoder;
}

function messageEncoder(message: DescMessage): ValueEncoder | undefined {
  const encoders = encodersOf(message);
  if (encoders === undefined) return undefined;
  return {
    wireType: 2,
    isDefault: (value) => value === undefined,
    write(target, value) {
      const fields = value as Fields;
      if (fields["$unknown"] !== undefined) return target.bytes(toBinary(message, value as Message));
      const before = target.length;
      writeFields(encoders, fields);
      target.varint(target.length - before);
    },
  };
}

const int32Encoder: ValueEncoder = {
  wireType: 0,
  isDefault: (value) => value === 0,
  write: (target, value) => target.varint(value as number),
};

const int64Encoder: ValueEncoder = {
  wireType: 0,
  isDefault: (value) => value === 0n,
  write: (target, value) => target.int64(value as bigint),
};

const scalarEncoders: Partial<Record<ScalarType, ValueEncoder>> = {
  [ScalarType.STRING]: {
    wireType: 2,
    isDefault: (value) => value === "",
    write: (target, value) => target.string(value as string),
  },
  [ScalarType.BYTES]: {
    wireType: 2,
    isDefault: (value) => (value as Uint8Array).length === 0,
    write: (target, value) => target.bytes(value as Uint8Array),
  },
  [ScalarType.BOOL]: {
    wireType: 0,
    isDefault: (value) => value === false,
    write: (target, value) => target.varint(Number(value)),
  },
  [ScalarType.INT32]: int32Encoder,
  [ScalarType.UINT32]: int32Encoder,
  [ScalarType.INT64]: int64Encoder,
  [ScalarType.UINT64]: int64Encoder,
};
