import type {
  RequestRecord,
  RequestResult,
  Transaction,
  TransactionEvent,
  Value,
} from "./transaction-logger.ts";
import { varintBytes, varintBytesMax, writeVarint } from "./varint.ts";

/**
 * A transaction as the logs keep it. Numbers are varints.
 *
 *     [sequence]       only where sequences may have gaps
 *     time
 *     count of events, then each of them:
 *       tag            1 byte: bit 0 delete; bit 1 put: value is bytes, delete: expired; bit 2 has an expire time;
 *                      or 8 a touch, 9 the request record, which comes last
 *       key            length, UTF-8
 *     and of a put:
 *       value          length, bytes
 *       createRevision, version, [expireTime]
 * of a touch:
 *       expireTime
 * and of a request record, in place of the key:
 *       id, digest, count of results, then each of them: 0 or 1 of a delete; of an entry 2 and its five numbers
 */
const tags = { delete: 1, bytes: 2, expired: 2, expireTime: 4, touch: 8, request: 9 } as const;

/** Most bytes that the numbers of a transaction, or of an event, take up. */
const numbersBytesMax = 6 * varintBytesMax;

/** Encodes transactions one after the other into a buffer that grows and is used again. */
export class TransactionEncoder {
  /** Encoded bytes are those from `start` to `offset`. */
  buffer: Buffer;
  offset: number;
  readonly #start: number;

  /** Leaves `start` bytes free in front. */
  constructor(start: number) {
    this.#start = start;
    this.buffer = Buffer.allocUnsafeSlow(64 * 1024);
    this.offset = start;
  }

  reset(): void {
    // One big batch must not keep its memory for good.
    if (this.buffer.length > 4 * 1024 * 1024) this.buffer = Buffer.allocUnsafeSlow(64 * 1024);
    this.offset = this.#start;
  }

  /** Makes room for `bytes` more. */
  reserve(bytes: number): void {
    if (this.buffer.length - this.offset >= bytes) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.offset + bytes));
    this.buffer.copy(larger, 0, 0, this.offset);
    this.buffer = larger;
  }

  encode(transaction: Transaction, withSequence: boolean): void {
    this.reserve(numbersBytesMax);
    if (withSequence) this.#number(transaction.sequence);
    this.#number(transaction.time);
    const { events, request } = transaction;
    this.#number(events.length + (request ? 1 : 0));
    for (const event of events) this.#event(event);
    if (request) this.#request(request);
  }

  #request({ id, digest, results }: RequestRecord): void {
    this.reserve(numbersBytesMax + id.length + digest.length);
    this.buffer[this.offset++] = tags.request;
    this.#value(id);
    this.#value(digest);
    this.reserve(numbersBytesMax);
    this.#number(results.length);
    for (const result of results) {
      this.reserve(numbersBytesMax);
      if (result.type === "delete") {
        this.#number(result.deleted ? 1 : 0);
      } else {
        this.#number(2);
        this.#number(result.revision);
        this.#number(result.createRevision);
        this.#number(result.version);
        this.#number(result.updateTime);
        this.#number(result.expireTime);
      }
    }
  }

  #event(event: TransactionEvent): void {
    this.reserve(numbersBytesMax + event.key.length * 3);
    if (event.type === "delete") {
      this.buffer[this.offset++] = tags.delete | (event.expired ? tags.expired : 0);
      this.#text(event.key);
      return;
    }
    if (event.type === "touch") {
      this.buffer[this.offset++] = tags.touch;
      this.#text(event.key);
      this.#number(event.expireTime);
      return;
    }
    const { value, expireTime } = event;
    this.buffer[this.offset++] =
      (typeof value === "string" ? 0 : tags.bytes) | (expireTime === 0 ? 0 : tags.expireTime);
    this.#text(event.key);
    this.#value(value);
    this.#number(event.createRevision);
    this.#number(event.version);
    if (expireTime !== 0) this.#number(expireTime);
  }

  #value(value: Value): void {
    if (typeof value === "string") {
      this.reserve(numbersBytesMax + value.length * 3);
      this.#text(value);
    } else {
      this.reserve(numbersBytesMax + value.length);
      this.#number(value.length);
      this.buffer.set(value, this.offset);
      this.offset += value.length;
    }
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

/** Decodes transactions that were encoded one after the other. Throws RangeError when it is not what an encoder wrote. */
export class TransactionDecoder {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(payload: Buffer) {
    this.#bytes = payload;
  }

  get done(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** `sequence` is undefined where it stands in the payload. Nothing in the result points into the payload. */
  decode(sequence: number | undefined): Transaction {
    const ownSequence = sequence ?? this.#number();
    const time = this.#number();
    const count = this.#number();
    if (count === 0 || count > this.#bytes.length - this.#offset) throw new RangeError("bad count of events");
    const events: TransactionEvent[] = [];
    let request: RequestRecord | undefined;
    for (let index = 0; index < count; index++) {
      const tag = this.#bytes[this.#offset++] ?? 255;
      if (tag === tags.request && index === count - 1) request = this.#request();
      else events.push(this.#event(tag));
    }
    return { sequence: ownSequence, time, events, request };
  }

  #request(): RequestRecord {
    const id = this.#copy();
    const digest = this.#copy();
    const count = this.#length();
    const results: RequestResult[] = [];
    for (let index = 0; index < count; index++) {
      const kind = this.#number();
      if (kind > 2) throw new RangeError("bad result");
      if (kind < 2) {
        results.push({ type: "delete", deleted: kind === 1 });
        continue;
      }
      results.push({
        type: "entry",
        revision: this.#number(),
        createRevision: this.#number(),
        version: this.#number(),
        updateTime: this.#number(),
        expireTime: this.#number(),
      });
    }
    return { id, digest, results };
  }

  #event(tag: number): TransactionEvent {
    if (tag > tags.touch) throw new RangeError("bad tag");
    const key = this.#text();
    if (tag === tags.touch) return { type: "touch", key, expireTime: this.#number() };
    if (tag & tags.delete) return { type: "delete", key, expired: (tag & tags.expired) !== 0 };
    const value = tag & tags.bytes ? this.#copy() : this.#text();
    const createRevision = this.#number();
    const version = this.#number();
    const expireTime = tag & tags.expireTime ? this.#number() : 0;
    return { type: "put", key, value, createRevision, version, expireTime };
  }

  #text(): string {
    const length = this.#length();
    const start = this.#offset;
    this.#offset = start + length;
    return this.#bytes.toString("utf8", start, this.#offset);
  }

  #copy(): Uint8Array {
    const length = this.#length();
    const start = this.#offset;
    this.#offset = start + length;
    return new Uint8Array(this.#bytes.subarray(start, this.#offset));
  }

  #length(): number {
    const length = this.#number();
    if (length > this.#bytes.length - this.#offset) throw new RangeError("bad length");
    return length;
  }

  #number(): number {
    let value = 0;
    for (let shift = 0, unit = 1; shift < varintBytesMax; shift++, unit *= 128) {
      const byte = this.#bytes[this.#offset++];
      if (byte === undefined) throw new RangeError("number beyond the end");
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
    throw new RangeError("number too long");
  }
}
