import type { ChangeSet } from "../../store/change-set.ts";
import { entryOverheadBytes } from "../../store/entry.ts";
import type { TransactionLogger } from "../../transaction-log/transaction-logger.ts";

/** Bytes that a touch or delete counts. */
const eventBytes = entryOverheadBytes;

/** Counts the bytes that a compaction up to the oldest revision of the history would remove from the log. */
export class LogGarbage {
  readonly #logger: Pick<TransactionLogger, "horizon">;
  #horizon: number;
  #bytes = 0;

  constructor(logger: Pick<TransactionLogger, "horizon">) {
    this.#logger = logger;
    this.#horizon = logger.horizon;
  }

  /** The bytes, in the same measure as the store's `bytes`. */
  get bytes(): number {
    // The horizon changes when another replica has compacted the log.
    if (this.#logger.horizon !== this.#horizon) this.#begin();
    return this.#bytes;
  }

  /**
   * Must be called with each transaction that leaves the history. The log no longer needs the entries that it
   * replaced, nor its deletes.
   */
  add({ revision, changes }: ChangeSet): void {
    if (revision <= this.#logger.horizon) return;
    for (const { entry, previous, touched } of changes) {
      if (touched || entry === undefined) this.#bytes += eventBytes;
      if (!touched && previous !== undefined) this.#bytes += previous.bytes;
    }
  }

  /** Adds the size of request records that are no longer needed. */
  addRecords(bytes: number): void {
    this.#bytes += bytes;
  }

  /**
   * Must be called when this process begins a compaction. Transactions that leave the history from now on count for
   * the next one.
   */
  compacting(): void {
    this.#begin();
  }

  compacted(): void {
    this.#horizon = this.#logger.horizon;
  }

  #begin(): void {
    this.#horizon = this.#logger.horizon;
    this.#bytes = 0;
  }
}
