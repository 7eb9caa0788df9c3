import type { Transaction, TransactionEvent } from "../transaction-logger.ts";
import { ByteReader } from "./byte-reader.ts";

/**
 * A transaction in format 1, which release 0.1 wrote. Numbers are varints.
 *
 *     [sequence]       only if sequences may have gaps
 *     time
 *     count of events, then each of them:
 *       tag            1 byte: bit 0 delete; bit 1 put: value is bytes, delete: expired; bit 2 has an expire time
 *       key            length, UTF-8
 *     and for a put:
 *       value          length, bytes
 *       createRevision, version, [expireTime]
 */
const tags = { delete: 1, bytes: 2, expired: 2, expireTime: 4 } as const;

/** Decodes consecutive transactions of release 0.1. Throws RangeError for bytes that 0.1 cannot have written. */
export class Format1Decoder {
  readonly #reader: ByteReader;
  #sequence: number | undefined;

  /** `basis`: the sequence before the first transaction; undefined if the payload contains the sequences. */
  constructor(payload: Buffer, basis: number | undefined) {
    this.#reader = new ByteReader(payload);
    this.#sequence = basis;
  }

  get done(): boolean {
    return this.#reader.left === 0;
  }

  /** The result does not share memory with the payload. */
  decode(): Transaction {
    const reader = this.#reader;
    const sequence = this.#sequence === undefined ? reader.number() : ++this.#sequence;
    const time = reader.number();
    const count = reader.length();
    if (count === 0) throw new RangeError("a bad count of events");
    const events = Array.from({ length: count }, () => this.#event());
    return { sequence, time, events, request: undefined };
  }

  #event(): TransactionEvent {
    const reader = this.#reader;
    const tag = reader.byte();
    if (tag > 7) throw new RangeError("a bad tag");
    const key = reader.text();
    if (tag & tags.delete) return { type: "delete", key, expired: (tag & tags.expired) !== 0 };
    const value = tag & tags.bytes ? reader.copy(reader.length()) : reader.text();
    const createRevision = reader.number();
    const version = reader.number();
    const expireTime = tag & tags.expireTime ? reader.number() : 0;
    return { type: "put", key, value, createRevision, version, expireTime };
  }
}
