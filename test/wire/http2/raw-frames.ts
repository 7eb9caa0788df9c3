import {
  clientPreface,
  frameFlags,
  frameTypes,
  writeFrameHeader,
} from "../../../src/wire/http2/frame-format.ts";
import { literalBytesMax, writeLiteral } from "../../../src/wire/http2/hpack/literals.ts";

export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** A frame as it is sent, valid or not. */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  writeFrameHeader(bytes, 0, payload.length, type, flags, streamId);
  bytes.set(payload, 9);
  return bytes;
}

/** A header block of literals. */
export function block(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  const bytes = Buffer.alloc(fields.reduce((sum, field) => sum + literalBytesMax(...field), 0));
  let at = 0;
  for (const field of fields) at = writeLiteral(bytes, at, ...field);
  return bytes.subarray(0, at);
}

export const requestFields = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "test"],
] as const;

export function headers(
  streamId: number,
  endStream = false,
  fields: Parameters<typeof block>[0] = requestFields,
): Buffer {
  const flags = frameFlags.endHeaders | (endStream ? frameFlags.endStream : 0);
  return frame(frameTypes.headers, flags, streamId, block(fields));
}

export function data(streamId: number, payload: Uint8Array | string, endStream = false): Buffer {
  return frame(frameTypes.data, endStream ? frameFlags.endStream : 0, streamId, Buffer.from(payload));
}

export function settings(values: Readonly<Record<number, number>> = {}): Buffer {
  const payload = Buffer.alloc(Object.keys(values).length * 6);
  for (const [index, [id, value]] of Object.entries(values).entries()) {
    payload.writeUInt16BE(Number(id), index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return frame(frameTypes.settings, 0, 0, payload);
}

export const settingsAck = frame(frameTypes.settings, frameFlags.ack, 0);

export function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function windowUpdate(streamId: number, increment: number): Buffer {
  return frame(frameTypes.windowUpdate, 0, streamId, word(increment));
}

export function resetStream(streamId: number, code = 8): Buffer {
  return frame(frameTypes.resetStream, 0, streamId, word(code));
}

export function ping(isAck = false, payload: Uint8Array = Buffer.alloc(8)): Buffer {
  return frame(frameTypes.ping, isAck ? frameFlags.ack : 0, 0, payload);
}

/** Preface and SETTINGS. */
export function opening(values: Readonly<Record<number, number>> = {}): Buffer {
  return Buffer.concat([clientPreface, settings(values)]);
}
