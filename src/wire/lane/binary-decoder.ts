import { isUtf8 } from "node:buffer";
import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { isUnwrapped } from "./unwrapped-field.ts";

/** Text up to this many bytes is looked through by a loop, which is faster than a call out of JavaScript. */
const shortText = 32;

type Fields = Record<string, unknown>;

/** Reads a value that ends before `end`; undefined: something is unusual about it. */
type ValueDecoder = (end: number) => unknown;

interface MessageDecoder {
  readonly message: DescMessage;
  /** By tag, which is the number of the field and its wire type. False: something is unusual. */
  readonly fields: ((fields: Fields, end: number) => boolean)[];
}

// What is being read, and how far it was. Reading never waits, so that one of each will do.
const nothing: Buffer = Buffer.alloc(0);
let bytes = nothing;
let position = 0;

/**
 * Decodes a message as protobuf. It knows what clients send; whatever is unusual (unknown fields, groups, maps, a message
 * in two parts, text that is not UTF-8, a cut-off end) it leaves to protobuf-es, which then reads all of it again and
 * says what is wrong. Throws what protobuf-es throws.
 */
export function decodeBinary(message: DescMessage, data: Buffer): Message {
  const decoder = decoderOf(message);
  bytes = data;
  position = 0;
  const decoded = decoder === undefined ? undefined : readMessage(decoder, data.length);
  // A large request must not live on with this.
  bytes = nothing;
  // Unknown fields have nobody who would read them.
  return decoded ?? fromBinary(message, data, { readUnknownFields: false });
}

/** By message; undefined: it has fields that are not known here. */
const decodersByMessage = new WeakMap<DescMessage, MessageDecoder | undefined>();

function decoderOf(message: DescMessage): MessageDecoder | undefined {
  const found = decodersByMessage.get(message);
  if (found !== undefined || decodersByMessage.has(message)) return found;
  // A message that contains itself is left to protobuf-es.
  decodersByMessage.set(message, undefined);
  const decoder: MessageDecoder = { message, fields: [] };
  for (const field of message.fields) addField(decoder, field);
  decodersByMessage.set(message, decoder);
  return decoder;
}

function readMessage({ message, fields }: MessageDecoder, end: number): Message | undefined {
  const result = create(message);
  while (position < end) {
    const read = fields[readVarint(end)];
    if (read === undefined || !read(result, end)) return undefined;
  }
  return result;
}

/** Leaves out what is not known: a tag without a reader is unusual. */
function addField({ fields }: MessageDecoder, field: DescField): void {
  const { localName: name, oneof } = field;
  const value = valueDecoder(field);
  if (value === undefined) return;
  const tag = field.number * 8 + (value.isVarint ? 0 : 2);
  const { read } = value;
  if (field.fieldKind === "list") {
    // Packed or not, lists of numbers are nothing that our clients send.
    if (!value.isVarint) fields[tag] = (target, end) => pushTo(target[name] as unknown[], read(end));
  } else if (oneof !== undefined) {
    fields[tag] = (target, end) => setOneof(target, oneof.localName, name, read(end));
  } else if (field.message === undefined) {
    fields[tag] = (target, end) => set(target, name, read(end));
  } else {
    fields[tag] = (target, end) => target[name] === undefined && set(target, name, read(end));
  }
}

function set(target: Fields, name: string, value: unknown): boolean {
  if (value === undefined) return false;
  target[name] = value;
  return true;
}

function setOneof(target: Fields, oneof: string, name: string, value: unknown): boolean {
  if (value === undefined || (target[oneof] as { case?: string }).case !== undefined) return false;
  target[oneof] = { case: name, value };
  return true;
}

function pushTo(list: unknown[], value: unknown): boolean {
  if (value === undefined) return false;
  list.push(value);
  return true;
}

function valueDecoder(field: DescField): { read: ValueDecoder; isVarint: boolean } | undefined {
  if (field.fieldKind === "map" || isUnwrapped(field)) return undefined;
  if ("longAsString" in field && field.longAsString) return undefined;
  if ("delimitedEncoding" in field && field.delimitedEncoding) return undefined;
  if (field.message !== undefined) {
    const decoder = decoderOf(field.message);
    return decoder && { read: (end) => readNested(decoder, end), isVarint: false };
  }
  if (field.enum !== undefined) return field.enum.open ? { read: readInt32, isVarint: true } : undefined;
  const read = scalarDecoders[field.scalar];
  return read && { read, isVarint: field.scalar !== ScalarType.STRING && field.scalar !== ScalarType.BYTES };
}

const scalarDecoders: Partial<Record<ScalarType, ValueDecoder>> = {
  [ScalarType.STRING]: readString,
  [ScalarType.BYTES]: readBytes,
  [ScalarType.BOOL]: readBool,
  [ScalarType.INT32]: readInt32,
  [ScalarType.INT64]: readInt64,
  [ScalarType.UINT64]: readInt64,
};

/** A whole number below 2^49, which seven bytes hold; -1: a larger one, a negative one, or a cut-off one. */
function readVarint(end: number): number {
  let factor = 1;
  let value = 0;
  for (let index = 0; index < 7 && position < end; index++) {
    const byte = bytes[position++] as number;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
    factor *= 0x80;
  }
  return -1;
}

/** Where a value with its length before it ends; -1: beyond `end`. */
function readEnd(end: number): number {
  const length = readVarint(end);
  return length < 0 || length > end - position ? -1 : position + length;
}

function readNested(decoder: MessageDecoder, end: number): Message | undefined {
  const stop = readEnd(end);
  return stop < 0 ? undefined : readMessage(decoder, stop);
}

function readString(end: number): string | undefined {
  const stop = readEnd(end);
  if (stop < 0) return undefined;
  const start = position;
  position = stop;
  if (stop - start <= shortText) {
    let index = start;
    while (index < stop && (bytes[index] as number) < 0x80) index++;
    if (index === stop) return bytes.toString("latin1", start, stop);
  }
  return isUtf8(bytes.subarray(start, stop)) ? bytes.toString("utf8", start, stop) : undefined;
}

function readBytes(end: number): Uint8Array | undefined {
  const stop = readEnd(end);
  if (stop < 0) return undefined;
  const start = position;
  position = stop;
  return bytes.subarray(start, stop);
}

function readBool(end: number): boolean | undefined {
  const value = readVarint(end);
  return value === 0 || value === 1 ? value === 1 : undefined;
}

function readInt32(end: number): number | undefined {
  const value = readVarint(end);
  return value < 0 || value > 0x7fff_ffff ? undefined : value;
}

function readInt64(end: number): bigint | undefined {
  const value = readVarint(end);
  return value < 0 ? undefined : BigInt(value);
}
