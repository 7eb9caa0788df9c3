import type { RequestRecord, Transaction, TransactionEvent } from "../transaction-logger.ts";
import { ByteReader } from "./byte-reader.ts";
import { skipField, skipFields, UnknownFormatError } from "./fields.ts";
import { type RequestId, requestIdBytes, toRequestId } from "./request-id.ts";
import { readRequest } from "./request-record.ts";
import { requestField, requestIdField, tags } from "./transaction-encoder.ts";

/**
 * Decodes consecutive transactions of `TransactionEncoder`. Throws RangeError for bytes that it cannot have written,
 * and UnknownFormatError.
 */
export class TransactionDecoder {
  readonly #reader: ByteReader;
  #sequence: number;

  /** `basis`: the basis that the encoder was given. */
  constructor(payload: Buffer, basis: number) {
    this.#reader = new ByteReader(payload);
    this.#sequence = basis;
  }

  get done(): boolean {
    return this.#reader.left === 0;
  }

  /** The result does not share memory with the payload. */
  decode(): Transaction {
    const reader = this.#reader;
    const step = reader.number();
    this.#sequence += step;
    if (step === 0 || !Number.isSafeInteger(this.#sequence)) throw new RangeError("a bad sequence");
    const time = reader.number();
    const counted = reader.number();
    const hasFields = counted % 2 === 1;
    const count = (counted - (hasFields ? 1 : 0)) / 2;
    if (count > reader.left) throw new RangeError("a bad count of events");
    const events: TransactionEvent[] = [];
    for (let index = 0; index < count; index++) events.push(this.#event());
    const request = hasFields ? this.#fields(isPlainPut(events)) : undefined;
    return { sequence: this.#sequence, time, events, request };
  }

  #event(): TransactionEvent {
    const reader = this.#reader;
    const tag = reader.byte();
    if ((tag & tags.reserved) !== 0) throw new UnknownFormatError(`an event with the tag ${tag}`);
    const event = this.#knownEvent(tag, reader.text());
    if ((tag & tags.fields) !== 0) skipFields(reader, "an event");
    return event;
  }

  #knownEvent(tag: number, key: string): TransactionEvent {
    const reader = this.#reader;
    const kind = tag & tags.kinds;
    if (kind === tags.delete) return { type: "delete", key, expired: (tag & tags.expired) !== 0 };
    const hasExpireTime = (tag & tags.expireTime) !== 0;
    if (kind === tags.touch) return { type: "touch", key, expireTime: hasExpireTime ? reader.number() : 0 };
    const value = kind === tags.text ? reader.text() : reader.copy(reader.length());
    const createRevision = reader.number();
    const version = reader.number();
    const expireTime = hasExpireTime ? reader.number() : 0;
    return { type: "put", key, value, createRevision, version, expireTime };
  }

  #fields(isPlain: boolean): RequestId | RequestRecord | undefined {
    const reader = this.#reader;
    let request: RequestId | RequestRecord | undefined;
    for (let number = reader.number(); number !== 0; number = reader.number()) {
      const length = reader.length();
      const end = length + reader.offset;
      if (number === requestField) request = this.#request(length);
      else if (number === requestIdField) request = readRequestId(reader, isPlain);
      else skipField(reader, "a transaction", number, end);
      if (reader.offset !== end) throw new RangeError("a field of another length");
    }
    return request;
  }

  /** Reads it twice: once to see that it can be decoded. */
  #request(length: number): RequestRecord {
    const reader = this.#reader;
    const start = reader.offset;
    readRequest(reader);
    const end = reader.offset;
    reader.offset = start;
    const record = reader.copy(length);
    reader.offset = end;
    return record;
  }
}

/** Reads the id of a plain put. `isPlain`: the transaction has the events of one. Throws RangeError. */
export function readRequestId(reader: ByteReader, isPlain: boolean): RequestId {
  if (!isPlain) throw new RangeError("a request id without its put");
  return toRequestId(reader.copy(requestIdBytes));
}

function isPlainPut(events: readonly TransactionEvent[]): boolean {
  const [event] = events;
  return events.length === 1 && event?.type === "put" && event.expireTime === 0;
}
