import type { RequestId } from "../../../transaction-log/codec/request-id.ts";
import type { RequestRecord } from "../../../transaction-log/transaction-logger.ts";
import type { Allocator } from "../../memory/allocator.ts";
import type { Records } from "../../memory/records.ts";
import { noRef, type Ref, type Slabs } from "../../memory/slabs.ts";
import { copyWithExpireTime } from "../../memory/write-record.ts";
import { EventRecords } from "./event-records.ts";
import { PayloadReader } from "./payload-reader.ts";
import { RecordSort } from "./sort-records.ts";

/** The number of events that are sorted at once. */
const eventsMax = 2 ** 22;
/** Less of the blocks than this must not be free, or what later events replaced is freed. */
const freeShareMin = 1 / 8;

/** The tree that is loaded. Nobody reads it before it is published. */
export interface LoadedTree {
  readonly isEmpty: () => boolean;
  /** The record of the key of a record; 0 when there is none. */
  readonly find: (ref: Ref) => Ref;
  /** Makes an empty tree of records in the order of their keys, which differ. */
  readonly build: (records: Int32Array) => void;
  /** Puts a record, and frees the one before. */
  readonly put: (record: Ref) => void;
  /** Removes and frees the record of the key of a record. */
  readonly remove: (ref: Ref) => void;
  readonly publish: (revision: number, time: number) => void;
}

/**
 * Fills an empty tree with encoded transactions, without strings: all events become records, in the order of the log. One sort
 * brings them into the order of the keys, and then pages are made from below.
 *
 * Of a long log not all events are in memory at once. What follows the first part is put into the tree record by record.
 */
export class BulkLoader {
  readonly #allocator: Allocator;
  readonly #records: Records;
  readonly #events: EventRecords;
  readonly #slabs: Slabs;
  readonly #tree: LoadedTree;
  readonly #reader: PayloadReader;
  readonly #sort: RecordSort;
  readonly #blocks: number;
  readonly #eventsMax: number;
  #refs = new Int32Array(1024);
  #count = 0;
  #sequence = 0;
  #time = 0;

  /** `request` gets each request record. */
  constructor(
    slabs: Slabs,
    allocator: Allocator,
    records: Records,
    tree: LoadedTree,
    request: (sequence: number, request: RequestId | RequestRecord) => void,
    most = eventsMax,
  ) {
    this.#slabs = slabs;
    this.#allocator = allocator;
    this.#records = records;
    this.#tree = tree;
    this.#eventsMax = most;
    this.#blocks = slabs.blocksMax;
    this.#events = new EventRecords(slabs, allocator);
    this.#reader = new PayloadReader(this.#events, { record: (ref) => this.#add(ref), request });
    this.#sort = new RecordSort(records);
  }

  /**
   * Loads transactions in the format of `TransactionEncoder`; `basis` is the one that the encoder was given. Payloads must come in
   * the order of the log. Throws RangeError or UnknownFormatError for bytes that cannot be decoded, and MemoryFullError; the tree
   * must not be used then.
   */
  load(payload: Buffer, basis: number): void {
    const { sequence, time } = this.#reader.read(payload, basis);
    this.#sequence = Math.max(this.#sequence, sequence);
    this.#time = Math.max(this.#time, time);
    const isCrowded = this.#allocator.freeBlocks < freeShareMin * this.#blocks;
    if (this.#count >= this.#eventsMax || isCrowded) this.#flush();
  }

  /** Publishes what was loaded, at the revision of the last transaction, or at `revision` if that is later. */
  finish(revision = 0): void {
    this.#flush();
    this.#refs = new Int32Array(0);
    this.#tree.publish(Math.max(this.#sequence, revision), this.#time);
  }

  #add(ref: Ref): void {
    if (this.#count === this.#refs.length) {
      const larger = new Int32Array(2 * this.#count);
      larger.set(this.#refs);
      this.#refs = larger;
    }
    this.#refs[this.#count++] = ref;
  }

  #flush(): void {
    const refs = this.#refs.subarray(0, this.#count);
    this.#count = 0;
    this.#sort.sort(refs);
    const isEmpty = this.#tree.isEmpty();
    let kept = 0;
    for (let start = 0; start < refs.length; ) {
      let end = start + 1;
      while (end < refs.length && this.#isSameKey(refs[start] as Ref, refs[end] as Ref)) end++;
      const record = this.#outcome(refs.subarray(start, end));
      if (record !== noRef) {
        if (isEmpty) refs[kept++] = record;
        else this.#tree.put(record);
      }
      start = end;
    }
    if (isEmpty && kept > 0) this.#tree.build(refs.subarray(0, kept));
  }

  #isSameKey(one: Ref, other: Ref): boolean {
    const length = this.#records.keyLength(one);
    return length === this.#records.keyLength(other) && this.#records.commonPrefix(one, other) === length;
  }

  /** The record that the events of one key leave; 0 for none. Frees all others. */
  #outcome(events: Int32Array): Ref {
    const last = events.findLastIndex((ref) => !this.#events.isTouch(ref));
    const before = last < 0 ? this.#tree.find(events[0] as Ref) : (events[last] as Ref);
    const isTouched = last < events.length - 1;
    let outcome = before;
    if (before !== noRef && this.#events.isDelete(before)) {
      this.#tree.remove(before);
      outcome = noRef;
    } else if (before !== noRef && isTouched) {
      const expireTime = this.#records.expireTime(events.at(-1) as Ref);
      outcome = copyWithExpireTime(this.#slabs, this.#allocator, this.#records, before, expireTime);
    }
    for (const ref of events) if (ref !== outcome) this.#allocator.free(ref);
    return outcome;
  }
}
