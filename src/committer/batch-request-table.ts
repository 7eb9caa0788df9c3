import type { RequestRecord } from "../transaction-log/transaction-logger.ts";
import { isSameId, type RequestId } from "./request-id.ts";
import { type RememberedRequest, recordBytes } from "./request-table.ts";

/** The initial number of slots. At most half of the slots are used. */
const slotsMin = 256;

interface BatchRequest extends RememberedRequest {
  readonly id: RequestId;
}

/**
 * The request records of one batch by id: a hash table with open addressing. It holds few records for a short time, so
 * it refers to them; a `RequestTable` holds many for long, and copies them.
 */
export class BatchRequestTable {
  readonly #requests: BatchRequest[] = [];
  /** Indexes of `#requests` plus 1; 0: free. */
  #slots = new Int32Array(slotsMin);
  #bytes = 0;

  /** The memory that the records take in a `RequestTable`, as `recordBytes` counts it. */
  get bytes(): number {
    return this.#bytes;
  }

  find(id: RequestId): RememberedRequest | undefined {
    if (this.#requests.length === 0) return undefined;
    const mask = this.#slots.length - 1;
    for (let number = id.hash & mask; ; number = (number + 1) & mask) {
      const slot = this.#slots[number] as number;
      if (slot === 0) return undefined;
      const request = this.#requests[slot - 1] as BatchRequest;
      if (isSameId(request.id, id)) return request;
    }
  }

  /** `id` is not in the table. */
  add(id: RequestId, record: RequestRecord, revision: number): void {
    this.#requests.push({ id, record, revision });
    this.#bytes += recordBytes(record.length);
    if (2 * this.#requests.length > this.#slots.length) this.#growSlots();
    else this.#takeSlot(id, this.#requests.length);
  }

  clear(): void {
    if (this.#requests.length === 0) return;
    this.#requests.length = 0;
    this.#bytes = 0;
    // Do not keep the memory of a large batch.
    if (this.#slots.length > 16 * slotsMin) this.#slots = new Int32Array(slotsMin);
    else this.#slots.fill(0);
  }

  #growSlots(): void {
    this.#slots = new Int32Array(2 * this.#slots.length);
    this.#requests.forEach(({ id }, index) => {
      this.#takeSlot(id, index + 1);
    });
  }

  #takeSlot(id: RequestId, slot: number): void {
    const mask = this.#slots.length - 1;
    let number = id.hash & mask;
    while (this.#slots[number] !== 0) number = (number + 1) & mask;
    this.#slots[number] = slot;
  }
}
