import { setTimeout as delay } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { DuetError } from "../../errors.ts";
import { UnknownFormatError } from "../codec/fields.ts";
import { asCorrupt, asLogError, ChainError, type Cursor } from "./chain.ts";
import { type Copy, type LogMessage, lagMs, type RemoteLogDriver } from "./driver.ts";

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
 * Reads the head from a copy that has the barrier at `barrier`; undefined when the log has none. If the copy has lost its
 * head or has a damaged one, and another copy has it, calls `onDamage`. Rejects with the driver's error, with LOG_VERSION,
 * and with LOG_CORRUPT when no copy has it and one is damaged.
 */
export async function readHead(
  driver: RemoteLogDriver,
  barrier: number,
  onDamage: (damage: ChainError) => Promise<unknown> = async () => {},
): Promise<FoundHead | undefined> {
  try {
    const head = await readCopy(driver, barrier, "any");
    if (head !== undefined) return head;
    const other = await readOtherCopies(driver, barrier);
    if (other !== undefined)
      await onDamage(new ChainError(`message ${other.position}, the head, is missing`));
    return other;
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
    const other = await readOtherCopies(driver, barrier);
    if (other === undefined) throw asCorrupt(error, await driver.describeCopies());
    await onDamage(error);
    return other;
  }
}

/**
 * Reads the leader's copy, then asks each server once. Only the leader's shows that there is no head, unless another one has
 * it. Rejects with the error of a server that did not respond rather than with LOG_CORRUPT: its copy may be whole.
 */
async function readOtherCopies(driver: RemoteLogDriver, barrier: number): Promise<FoundHead | undefined> {
  let damage: ChainError | undefined;
  let silence: unknown;
  for (const copy of ["leader", ...Array(driver.servers).keys()] as const) {
    try {
      const head = await readCopy(driver, barrier, copy);
      if (head !== undefined) return head;
    } catch (error) {
      if (error instanceof ChainError) damage = error;
      else if (copy === "leader" || error instanceof DuetError) throw error;
      else silence = error;
    }
  }
  if (damage === undefined) return undefined;
  throw silence ?? asCorrupt(damage, await driver.describeCopies());
}

/** Waits until the copy has the barrier. Rejects with ChainError for damaged bytes. */
async function readCopy(
  driver: RemoteLogDriver,
  barrier: number,
  copy: Copy,
): Promise<FoundHead | undefined> {
  const end = performance.now() + lagMs;
  for (let pauseMs = 1; ; pauseMs = Math.min(2 * pauseMs, 100)) {
    const page = await driver.readHead(copy);
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
    throw asLogError(error, `message ${position}`);
  }
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}
