import type { Transaction, TransactionEvent, Value } from "../transaction-logger.ts";
import { requestIdBytes, writeRequestId } from "./request-id.ts";
import { varintBytes, varintBytesMax, writeVarint } from "./varint.ts";

/**
 * A transaction in format 2, the same in every log. Numbers are varints.
 *
 *     step             the sequence minus that of the transaction before in the frame or batch
 *     time
 *     count            the number of events times two, plus one if there are fields
 *     events:
 *       tag            1 byte: bits 0 and 1: kind of event; bit 2 of a put or touch: has an expire time, of a delete:
 *                      expired; bit 7: has fields; the others are 0
 *       key            length, UTF-8
 *       put:           value as length and bytes, createRevision, version
 *       put, touch:    [expireTime]
 *       [fields]
 *     [fields]         1: the request record (request-record.ts)
 *                      3: the id of a plain put, 16 bytes; the only event is a put without an expire time
 *
 * Fields are optional and reserved for later releases. Each is a number from 1, a length, and the content; a 0 ends
 * them. A reader skips an unknown even number and refuses an unknown odd one. A field that changes the meaning of other
 * data must have an odd number.
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
export const requestIdField = 3;

/** The most bytes that the numbers of a transaction, an event or a result take. */
const numbersBytesMax = 6 * varintBytesMax;

/** Encodes transactions one after the other into a growing buffer that is reused. */
export class TransactionEncoder {
  /** The encoded bytes are those from `start` to `offset`. */
  buffer: Buffer;
  offset: number;
  readonly #start: number;
  #sequence = 0;

  /** Leaves `start` bytes free at the beginning of the buffer. `bytes` is the initial size of the buffer. */
  constructor(start: number, bytes = 64 * 1024) {
    this.#start = start;
    this.buffer = Buffer.allocUnsafeSlow(bytes);
    this.offset = start;
  }

  /** Starts a new encoding. The first transaction must be later than the sequence `basis`. */
  begin(basis: number): void {
    // Do not keep the memory of a large batch.
    if (this.buffer.length > 4 * 1024 * 1024) this.buffer = Buffer.allocUnsafeSlow(64 * 1024);
    this.offset = this.#start;
    this.#sequence = basis;
  }

  /** Makes room for `bytes` more bytes. */
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
    if (request instanceof Uint8Array) {
      this.reserve(numbersBytesMax + request.length);
      this.#number(requestField);
      this.#number(request.length);
      this.#bytes(request);
    } else {
      this.reserve(numbersBytesMax + requestIdBytes);
      this.#number(requestIdField);
      this.#number(requestIdBytes);
      this.offset = writeRequestId(this.buffer, request, this.offset);
    }
    this.#number(0);
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

  #text(text: string): void {
    // The length precedes the text. If the length takes the same number of bytes in any case, the text is written in
    // one pass.
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
