import type { ChangeSet } from "../../store/change-set.ts";
import { entryOverheadBytes } from "../../store/entry.ts";
import type { TransactionLogger } from "../../transaction-log/transaction-logger.ts";

/** What a touch or a delete is counted with. */
const eventBytes = entryOverheadBytes;

/** Counts what a compaction to the oldest revision of the history would drop from the log. */
export class LogGarbage {
  readonly #logger: Pick<TransactionLogger, "horizon">;
  #horizon: number;
  #bytes = 0;

  constructor(logger: Pick<TransactionLogger, "horizon">) {
    this.#logger = logger;
    this.#horizon = logger.horizon;
  }

  /** Counted as the store counts its entries. */
  get bytes(): number {
    // Another replica has compacted the log.
    if (this.#logger.horizon !== this.#horizon) this.#begin();
    return this.#bytes;
  }

  /** Called with each transaction that leaves the history: what it superseded is no longer needed, nor are its deletes. */
  add({ revision, changes }: ChangeSet): void {
    if (revision <= this.#logger.horizon) return;
    for (const { entry, previous, touched } of changes) {
      if (touched || entry === undefined) this.#bytes += eventBytes;
      if (!touched && previous !== undefined) this.#bytes += previous.bytes;
    }
  }

  /** Request records of so many bytes are no longer needed. */
  addRecords(bytes: number): void {
    this.#bytes += bytes;
  }

  /** A compaction of this owner has begun. What leaves the history from now on is for the next one. */
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
