import { crc32 } from "node:zlib";
import { UnknownFormatError } from "../codec/fields.ts";
import type { Cursor } from "./chain.ts";

/**
 * The start of a log: a snapshot of the state at the horizon, and the last batch that the snapshot includes, after which
 * reading goes on. As a message it is eight hexadecimal digits of a CRC-32, a space, and JSON.
 */
export interface LogHead {
  /** The id of the log, 32 hexadecimal digits. */
  readonly log: string;
  readonly horizon: number;
  /** undefined: nothing was compacted yet. */
  readonly snapshot: { readonly id: string; readonly pieces: number } | undefined;
  readonly cursor: Cursor;
}

const version = 2;

export function encodeHead(head: LogHead): Buffer {
  const json = JSON.stringify({ version, ...head });
  return Buffer.from(`${checksum(json)} ${json}`);
}

/** Throws RangeError for damaged bytes, and UnknownFormatError. */
export function decodeHead(bytes: Buffer): LogHead {
  const text = bytes.toString();
  const json = text.slice(9);
  if (text.slice(0, 9) !== `${checksum(json)} `) throw new RangeError("the checksum of its head is wrong");
  const { version: written, log, horizon, snapshot, cursor } = JSON.parse(json);
  if (written !== version) throw new UnknownFormatError(`a head of format version ${written}`);
  const { position, sequence, batch } = cursor;
  return { log, horizon, snapshot, cursor: { position, sequence, batch } };
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}
