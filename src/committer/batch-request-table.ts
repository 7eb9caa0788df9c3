import { isSameId, type RequestId } from "../transaction-log/codec/request-id.ts";
import type { Operation, Outcome } from "./operation.ts";

/** The initial number of slots. At most half of the slots are used. */
const slotsMin = 256;

/** An operation of a batch with a request id, and its outcome if the batch is appended. */
export interface BatchRequest {
  readonly id: RequestId;
  readonly operation: Operation;
  readonly outcome: Outcome;
}

/**
 * The operations of one batch by request id: a hash table with open addressing. It holds few for a short time, so it
 * refers to them; a `RequestTable` holds many for long, as bytes.
 */
export class BatchRequestTable {
  readonly #requests: BatchRequest[] = [];
  /** Indexes of `#requests` plus 1; 0: free. */
  #slots = new Int32Array(slotsMin);

  find(id: RequestId): BatchRequest | undefined {
    if (this.#requests.length === 0) return undefined;
    const mask = this.#slots.length - 1;
    for (let number = id.hash & mask; ; number = (number + 1) & mask) {
      const slot = this.#slots[number] as number;
      if (slot === 0) return undefined;
      const request = this.#requests[slot - 1] as BatchRequest;
      if (isSameId(request.id, id)) return request;
    }
  }

  /** The id of the request is not in the table. */
  add(request: BatchRequest): void {
    this.#requests.push(request);
    if (2 * this.#requests.length > this.#slots.length) this.#growSlots();
    else this.#takeSlot(request.id, this.#requests.length);
  }

  clear(): void {
    if (this.#requests.length === 0) return;
    this.#requests.length = 0;
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
