import { entryBytes, entryOverheadBytes } from "../../store/entry.ts";
import type { Store } from "../../store/store.ts";
import type { Transaction, TransactionLogger } from "../../transaction-log/transaction-logger.ts";
import { type RequestIndex, requestBytesMax } from "../request-index.ts";

/** How often a log without new writes is asked whether it wants to be compacted. */
const pollMs = 1000;

export interface CompactorOptions {
  readonly store: Store;
  readonly requests: Pick<RequestIndex, "neededSince">;
  readonly logger: TransactionLogger;
  /** Compaction waits until this much has been written, and as much as the store holds, since the last one. */
  readonly bytesMin: number;
  readonly onError: (error: unknown) => void;
}

/** Decides when the log is compacted: when about half of it is no longer needed, or when the log wants it for room. */
export class Compactor {
  readonly #options: CompactorOptions;
  /** What has been logged since the last compaction, or, after a start, more than the store needs. */
  #bytes: number;
  #running: Promise<void> | undefined;
  readonly #poll: NodeJS.Timeout;

  /** `replayedBytes`: `loggedBytes` of all transactions that were replayed into the store. */
  constructor(options: CompactorOptions, replayedBytes: number) {
    this.#options = options;
    this.#bytes = Math.max(0, replayedBytes - options.store.bytes);
    this.#poll = setInterval(() => {
      if (options.logger.compactionWanted) void this.compact();
    }, pollMs).unref();
  }

  /** Compacts a log that a start found to be mostly garbage. Called before anything is appended. */
  start(): void {
    if (this.#isDue) void this.compact();
  }

  /** No compaction is begun any more by itself; one that is running ends with the log. */
  close(): void {
    clearInterval(this.#poll);
  }

  /** Called for all that is applied. A log that is not shared has no append under way then. */
  onRun(transactions: readonly Transaction[]): void {
    for (const transaction of transactions) this.#bytes += loggedBytes(transaction);
    if (this.#isDue && this.#running === undefined) void this.compact();
  }

  get #isDue(): boolean {
    const { store, logger, bytesMin } = this.#options;
    return this.#bytes >= Math.max(bytesMin, store.bytes) || logger.compactionWanted === true;
  }

  /** Resolves when a compaction is through. Errors go to `onError`; the next one is then tried later. */
  compact(): Promise<void> {
    this.#running ??= this.#compact().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #compact(): Promise<void> {
    const { store, requests, logger, onError } = this.#options;
    const snapshot = store.snapshotRevisions();
    this.#bytes = 0;
    try {
      await logger.compact({
        horizon: snapshot.revision,
        live: (key) => snapshot.get(key),
        requestsSince: requests.neededSince,
      });
    } catch (error) {
      onError(error);
    } finally {
      snapshot.release();
    }
  }
}

/** What a transaction occupies in the log, counted as the store counts its entries. */
export function loggedBytes({ events, request }: Transaction): number {
  let bytes = request === undefined ? 0 : requestBytesMax(request.results.length);
  for (const event of events) {
    bytes += event.type === "put" ? entryBytes(event.key, event.value, event.expireTime) : entryOverheadBytes;
  }
  return bytes;
}
