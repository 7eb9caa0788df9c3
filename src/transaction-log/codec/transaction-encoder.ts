import type {
  RequestRecord,
  RequestResult,
  Transaction,
  TransactionEvent,
  Value,
} from "../transaction-logger.ts";
import { varintBytes, varintBytesMax, writeVarint } from "./varint.ts";

/**
 * A transaction as every log keeps it, in format 2. Numbers are varints.
 *
 *     step             its sequence minus that of the transaction before it in the frame or batch
 *     time
 *     count            events times two, plus one when there are fields
 *     events:
 *       tag            1 byte: bits 0 and 1 say which event it is; bit 2 put and touch: it has an expire time, delete:
 *                      expired; bit 7: it has fields; the others are 0
 *       key            length, UTF-8
 *       put:           value as length and bytes, createRevision, version
 *       put, touch:    [expireTime]
 *       [fields]
 *     [fields]         1: the request record
 *
 * A request record:
 *
 *     id               16 bytes
 *     digest           length, bytes
 *     count            of results
 *     results:
 *       kind           0: delete, no entry was there; 1: delete; 2: entry, which has
 *       entry:         revision, createRevision, version, updateTime, expireTime
 *     fields
 *
 * Fields are optional; there is room for later releases in them. Each is a number from 1, a length, and so many bytes;
 * a 0 ends them. A reader skips an even number that it does not know, and refuses an odd one: whoever adds a field
 * that changes what the rest means gives it an odd number.
 */
export const tags = {
  kinds: 3,
  text: 0,
  bytes: 1,
  delete: 2,
  touch: 3,
  expireTime: 4,
  expired: 4,
  reserved: 0x78,
  fields: 0x80,
} as const;
export const requestField = 1;
export const requestIdBytes = 16;
export const resultKinds = { missing: 0, deleted: 1, entry: 2 } as const;

/** Most bytes that the numbers of a transaction, an event or a result take up. */
const numbersBytesMax = 6 * varintBytesMax;

/** Encodes transactions one after the other into a buffer that grows and is used again. */
export class TransactionEncoder {
  /** Encoded bytes are those from `start` to `offset`. */
  buffer: Buffer;
  offset: number;
  readonly #start: number;
  #sequence = 0;

  /** Leaves `start` bytes free in front. `bytes`: what is allocated at first. */
  constructor(start: number, bytes = 64 * 1024) {
    this.#start = start;
    this.buffer = Buffer.allocUnsafeSlow(bytes);
    this.offset = start;
  }

  /** `basis`: the first transaction is later than this sequence. */
  begin(basis: number): void {
    // One big batch must not keep its memory for good.
    if (this.buffer.length > 4 * 1024 * 1024) this.buffer = Buffer.allocUnsafeSlow(64 * 1024);
    this.offset = this.#start;
    this.#sequence = basis;
  }

  /** Makes room for `bytes` more. */
  reserve(bytes: number): void {
    if (this.buffer.length - this.offset >= bytes) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.offset + bytes));
    this.buffer.copy(larger, 0, 0, this.offset);
    this.buffer = larger;
  }

  encode({ sequence, time, events, request }: Transaction): void {
    this.reserve(numbersBytesMax);
    this.#number(sequence - this.#sequence);
    this.#sequence = sequence;
    this.#number(time);
    this.#number(events.length * 2 + (request === undefined ? 0 : 1));
    for (const event of events) this.#event(event);
    if (request === undefined) return;
    this.#request(request);
    this.#endFields();
  }

  #event(event: TransactionEvent): void {
    this.reserve(numbersBytesMax + event.key.length * 3);
    if (event.type === "put") {
      const { value, expireTime } = event;
      this.buffer[this.offset++] =
        (typeof value === "string" ? tags.text : tags.bytes) | (expireTime === 0 ? 0 : tags.expireTime);
      this.#text(event.key);
      this.#value(value);
      this.#number(event.createRevision);
      this.#number(event.version);
      if (expireTime !== 0) this.#number(expireTime);
    } else if (event.type === "delete") {
      this.buffer[this.offset++] = tags.delete | (event.expired ? tags.expired : 0);
      this.#text(event.key);
    } else {
      const { expireTime } = event;
      this.buffer[this.offset++] = tags.touch | (expireTime === 0 ? 0 : tags.expireTime);
      this.#text(event.key);
      if (expireTime !== 0) this.#number(expireTime);
    }
  }

  #request({ id, digest, results }: RequestRecord): void {
    if (id.length !== 2 * requestIdBytes)
      throw new Error(`a request id has ${requestIdBytes} bytes, not ${id.length / 2}`);
    this.reserve(numbersBytesMax + id.length + digest.length);
    this.#number(requestField);
    // Its length is not known yet, and mostly takes one byte.
    const start = this.offset++;
    this.#hex(id);
    this.#number(digest.length / 2);
    this.#hex(digest);
    this.#number(results.length);
    for (const result of results) this.#result(result);
    this.#endFields();
    const length = this.offset - start - 1;
    const moved = varintBytes(length) - 1;
    this.reserve(moved);
    this.buffer.copyWithin(start + 1 + moved, start + 1, this.offset);
    this.offset += moved;
    writeVarint(this.buffer, length, start);
  }

  #result(result: RequestResult): void {
    this.reserve(numbersBytesMax);
    if (result.type === "delete") {
      this.#number(result.deleted ? resultKinds.deleted : resultKinds.missing);
      return;
    }
    this.#number(resultKinds.entry);
    this.#number(result.revision);
    this.#number(result.createRevision);
    this.#number(result.version);
    this.#number(result.updateTime);
    this.#number(result.expireTime);
  }

  #endFields(): void {
    this.reserve(1);
    this.#number(0);
  }

  #value(value: Value): void {
    if (typeof value === "string") {
      this.reserve(numbersBytesMax + value.length * 3);
      this.#text(value);
    } else {
      this.reserve(numbersBytesMax + value.length);
      this.#number(value.length);
      this.#bytes(value);
    }
  }

  #bytes(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.offset);
    this.offset += bytes.length;
  }

  #hex(digits: string): void {
    this.offset += this.buffer.write(digits, this.offset, "hex");
  }

  #text(text: string): void {
    // The length stands in front; where it takes the same bytes in any case, the text is written in one pass.
    const lengthBytes = varintBytes(text.length);
    if (varintBytes(text.length * 3) === lengthBytes) {
      const length = this.buffer.write(text, this.offset + lengthBytes, "utf8");
      this.offset = writeVarint(this.buffer, length, this.offset) + length;
    } else {
      this.#number(Buffer.byteLength(text));
      this.offset += this.buffer.write(text, this.offset, "utf8");
    }
  }

  #number(value: number): void {
    this.offset = writeVarint(this.buffer, value, this.offset);
  }
}
