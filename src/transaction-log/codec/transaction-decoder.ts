import type { RequestRecord, RequestResult, Transaction, TransactionEvent } from "../transaction-logger.ts";
import { ByteReader } from "./byte-reader.ts";
import { requestField, requestIdBytes, resultKinds, tags } from "./transaction-encoder.ts";

/** What is read is intact, and only a later release can have written it. */
export class UnknownFormatError extends Error {}

/**
 * Decodes transactions that `TransactionEncoder` encoded one after the other. Throws RangeError for what it cannot have
 * written, and UnknownFormatError.
 */
export class TransactionDecoder {
  readonly #reader: ByteReader;
  #sequence: number;

  /** `basis`: the sequence that the encoder was given. */
  constructor(payload: Buffer, basis: number) {
    this.#reader = new ByteReader(payload);
    this.#sequence = basis;
  }

  get done(): boolean {
    return this.#reader.left === 0;
  }

  /** Nothing in the result points into the payload. */
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
    const request = hasFields ? this.#fields() : undefined;
    return { sequence: this.#sequence, time, events, request };
  }

  #event(): TransactionEvent {
    const reader = this.#reader;
    const tag = reader.byte();
    if ((tag & tags.reserved) !== 0) throw new UnknownFormatError(`an event with the tag ${tag}`);
    const event = this.#knownEvent(tag, reader.text());
    if ((tag & tags.fields) !== 0) this.#skipFields("an event");
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

  #fields(): RequestRecord | undefined {
    const reader = this.#reader;
    let request: RequestRecord | undefined;
    for (let number = reader.number(); number !== 0; number = reader.number()) {
      const end = reader.length() + reader.offset;
      if (number === requestField) request = this.#request();
      else this.#skipField("a transaction", number, end);
      if (reader.offset !== end) throw new RangeError("a field of another length");
    }
    return request;
  }

  #request(): RequestRecord {
    const reader = this.#reader;
    const id = reader.hex(requestIdBytes);
    const digest = reader.hex(reader.length());
    const results = Array.from({ length: reader.length() }, () => this.#result());
    this.#skipFields("a request record");
    return { id, digest, results };
  }

  #result(): RequestResult {
    const reader = this.#reader;
    const kind = reader.number();
    if (kind > resultKinds.entry) throw new UnknownFormatError(`a result of the kind ${kind}`);
    if (kind !== resultKinds.entry) return { type: "delete", deleted: kind === resultKinds.deleted };
    const revision = reader.number();
    const createRevision = reader.number();
    const version = reader.number();
    const updateTime = reader.number();
    const expireTime = reader.number();
    return { type: "entry", revision, createRevision, version, updateTime, expireTime };
  }

  #skipFields(of: string): void {
    const reader = this.#reader;
    for (let number = reader.number(); number !== 0; number = reader.number()) {
      this.#skipField(of, number, reader.length() + reader.offset);
    }
  }

  #skipField(of: string, number: number, end: number): void {
    if (number % 2 === 1) throw new UnknownFormatError(`field ${number} of ${of}`);
    this.#reader.offset = end;
  }
}
