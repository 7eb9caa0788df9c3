import { ByteReader } from "../../../transaction-log/codec/byte-reader.ts";
import { skipField, skipFields, UnknownFormatError } from "../../../transaction-log/codec/fields.ts";
import type { RequestId } from "../../../transaction-log/codec/request-id.ts";
import { readRequest } from "../../../transaction-log/codec/request-record.ts";
import { readRequestId } from "../../../transaction-log/codec/transaction-decoder.ts";
import { requestField, requestIdField, tags } from "../../../transaction-log/codec/transaction-encoder.ts";
import type { RequestRecord } from "../../../transaction-log/transaction-logger.ts";
import type { Ref } from "../../memory/slabs.ts";
import type { EventRecords, Span } from "./event-records.ts";

/** What is done with what a payload has. */
export interface PayloadSink {
  readonly record: (ref: Ref) => void;
  readonly request: (sequence: number, request: RequestId | RequestRecord) => void;
}

/**
 * Reads encoded transactions (transaction-encoder.ts) as records. Throws what `TransactionDecoder` throws for the same bytes.
 */
export class PayloadReader {
  readonly #records: EventRecords;
  readonly #sink: PayloadSink;
  #payload: Buffer = Buffer.alloc(0);
  #reader = new ByteReader(this.#payload);
  /** Of the last put. */
  #expireTime = 0;

  constructor(records: EventRecords, sink: PayloadSink) {
    this.#records = records;
    this.#sink = sink;
  }

  /** `basis`: that of the encoder. Returns the sequence and the time of the last transaction. */
  read(payload: Buffer, basis: number): { readonly sequence: number; readonly time: number } {
    this.#payload = payload;
    const reader = new ByteReader(payload);
    this.#reader = reader;
    let sequence = basis;
    let time = 0;
    while (reader.left > 0) {
      const step = reader.number();
      sequence += step;
      if (step === 0 || !Number.isSafeInteger(sequence)) throw new RangeError("a bad sequence");
      time = reader.number();
      const counted = reader.number();
      const hasFields = counted % 2 === 1;
      const count = (counted - (hasFields ? 1 : 0)) / 2;
      if (count > reader.left) throw new RangeError("a bad count of events");
      let isPlain = false;
      for (let index = 0; index < count; index++) isPlain = this.#event(sequence, time);
      if (hasFields) this.#fields(sequence, isPlain && count === 1);
    }
    return { sequence, time };
  }

  /** Returns whether it is a put without an expire time. */
  #event(sequence: number, time: number): boolean {
    const reader = this.#reader;
    const tag = reader.byte();
    if ((tag & tags.reserved) !== 0) throw new UnknownFormatError(`an event with the tag ${tag}`);
    this.#sink.record(this.#recordOf(tag, this.#span(), sequence, time));
    if ((tag & tags.fields) !== 0) skipFields(reader, "an event");
    return (tag & tags.kinds) <= tags.bytes && this.#expireTime === 0;
  }

  #recordOf(tag: number, key: Span, revision: number, updateTime: number): Ref {
    const reader = this.#reader;
    const payload = this.#payload;
    const kind = tag & tags.kinds;
    if (kind === tags.delete) return this.#records.delete(payload, key);
    const expires = (tag & tags.expireTime) !== 0;
    if (kind === tags.touch) return this.#records.touch(payload, key, expires ? reader.number() : 0);
    const value = this.#span();
    const createRevision = reader.number();
    const version = reader.number();
    const expireTime = expires ? reader.number() : 0;
    this.#expireTime = expireTime;
    const isBinary = kind === tags.bytes;
    const head = { revision, createRevision, version, updateTime, expireTime, isBinary };
    return this.#records.put(payload, key, value, head);
  }

  #span(): Span {
    const length = this.#reader.length();
    const start = this.#reader.offset;
    this.#reader.offset = start + length;
    return { start, length };
  }

  #fields(sequence: number, isPlain: boolean): void {
    const reader = this.#reader;
    for (let number = reader.number(); number !== 0; number = reader.number()) {
      const { start, length } = this.#span();
      reader.offset = start;
      if (number === requestField) {
        readRequest(reader);
        this.#sink.request(sequence, new Uint8Array(this.#payload.subarray(start, start + length)));
      } else if (number === requestIdField) this.#sink.request(sequence, readRequestId(reader, isPlain));
      else skipField(reader, "a transaction", number, start + length);
      if (reader.offset !== start + length) throw new RangeError("a field of another length");
    }
  }
}
