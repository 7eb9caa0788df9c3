import {
  create,
  type DescField,
  type DescMessage,
  type Message,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { BackwardWriter } from "./backward-writer.ts";

type Fields = Readonly<Record<string, unknown>>;

type Kind = "string" | "bytes" | "bool" | "int32" | "int64" | "message";

/** What is to be known of a field to write it. */
interface FieldEncoder {
  readonly name: string;
  readonly kind: Kind;
  /** The number of the field and its wire type. */
  readonly tag: number;
  readonly isList: boolean;
  /** Without: its default value is left out. "inherited": the prototype has a default, which is no value. */
  readonly presence: "none" | "own" | "inherited";
  /** Of the message that it has. */
  readonly fields: readonly FieldEncoder[];
  readonly message: DescMessage | undefined;
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

function fieldEncoder(field: DescField): FieldEncoder | undefined {
  const kind = kindOf(field);
  const { message } = field;
  const fields = message === undefined ? [] : encodersOf(message);
  if (kind === undefined || fields === undefined) return undefined;
  const isPacked = kind === "bool" || kind === "int32" || kind === "int64";
  const isList = field.fieldKind === "list";
  if (isList && isPacked) return undefined;
  return {
    name: field.localName,
    kind,
    tag: field.number * 8 + (isPacked ? 0 : 2),
    isList,
    presence: presenceOf(field),
    fields,
    message,
  };
}

function presenceOf(field: DescField): FieldEncoder["presence"] {
  if (field.presence === FeatureSet_FieldPresence.IMPLICIT) return "none";
  const empty = create(field.parent) as unknown as Fields;
  return empty[field.localName] === undefined ? "own" : "inherited";
}

function kindOf(field: DescField): Kind | undefined {
  if (field.fieldKind === "map" || field.oneof !== undefined) return undefined;
  if ("longAsString" in field && field.longAsString) return undefined;
  if ("delimitedEncoding" in field && field.delimitedEncoding) return undefined;
  if (field.message !== undefined) return "message";
  return field.enum === undefined ? scalarKinds[field.scalar] : "int32";
}

const scalarKinds: Partial<Record<ScalarType, Kind>> = {
  [ScalarType.STRING]: "string",
  [ScalarType.BYTES]: "bytes",
  [ScalarType.BOOL]: "bool",
  [ScalarType.INT32]: "int32",
  [ScalarType.UINT32]: "int32",
  [ScalarType.INT64]: "int64",
  [ScalarType.UINT64]: "int64",
};

function writeFields(encoders: readonly FieldEncoder[], fields: Fields): void {
  for (let index = 0; index < encoders.length; index++) {
    const encoder = encoders[index] as FieldEncoder;
    const value = fields[encoder.name];
    if (encoder.isList) writeList(encoder, value as readonly unknown[]);
    else if (isSet(encoder, fields, value)) writeField(encoder, value);
  }
}

function isSet({ name, presence }: FieldEncoder, fields: Fields, value: unknown): boolean {
  if (presence === "none") return !isDefault(value);
  return value !== undefined && (presence === "own" || Object.hasOwn(fields, name));
}

function writeList(encoder: FieldEncoder, list: readonly unknown[]): void {
  for (let index = list.length - 1; index >= 0; index--) writeField(encoder, list[index]);
}

function isDefault(value: unknown): boolean {
  return value === 0n || value === "" || value === 0 || value === false || (value as Uint8Array).length === 0;
}

function writeField(encoder: FieldEncoder, value: unknown): void {
  switch (encoder.kind) {
    case "string":
      writer.string(value as string);
      break;
    case "bytes":
      writer.bytes(value as Uint8Array);
      break;
    case "int64":
      writer.int64(value as bigint);
      break;
    case "message":
      writeMessage(encoder, value as Message);
      break;
    case "bool":
    case "int32":
      writer.varint(Number(value));
      break;
  }
  writer.varint(encoder.tag);
}

function writeMessage({ fields, message }: FieldEncoder, value: Message): void {
  if (value.$unknown !== undefined) {
    writer.bytes(toBinary(message as DescMessage, value));
    return;
  }
  const before = writer.length;
  writeFields(fields, value);
  writer.varint(writer.length - before);
}
