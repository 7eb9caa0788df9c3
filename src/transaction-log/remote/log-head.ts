import { setTimeout as delay } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { UnknownFormatError } from "../codec/fields.ts";
import { asFinalError, type Cursor } from "./chain.ts";
import { type LogMessage, lagMs, type RemoteLogDriver } from "./driver.ts";

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
function decodeHead(bytes: Buffer): LogHead {
  const text = bytes.toString();
  const json = text.slice(9);
  if (text.slice(0, 9) !== `${checksum(json)} `) throw new RangeError("the checksum of its head is wrong");
  const { version: written, log, horizon, snapshot, cursor } = JSON.parse(json);
  if (written !== version) throw new UnknownFormatError(`a head of format version ${written}`);
  const { position, sequence, batch } = cursor;
  return { log, horizon, snapshot, cursor: { position, sequence, batch } };
}

export interface FoundHead {
  readonly position: number;
  readonly head: LogHead;
}

/**
 * Reads the head from a copy that has the barrier at `barrier`; undefined when there is none. Rejects with the driver's
 * error, LOG_CORRUPT and LOG_VERSION.
 */
export async function readHead(driver: RemoteLogDriver, barrier: number): Promise<FoundHead | undefined> {
  const end = performance.now() + lagMs;
  for (let pauseMs = 1; ; pauseMs = Math.min(2 * pauseMs, 100)) {
    const page = await driver.readHead();
    if ((page.barrier?.position ?? 0) >= barrier) return page.head && found(page.head);
    if (performance.now() > end) {
      throw new Error(`no copy of the log has shown message ${barrier} for ${lagMs} ms`);
    }
    await delay(pauseMs);
  }
}

function found({ position, bytes }: LogMessage): FoundHead {
  try {
    return { position, head: decodeHead(bytes) };
  } catch (error) {
    throw asFinalError(error, `message ${position}`);
  }
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}
