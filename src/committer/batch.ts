import { DuetError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { type Entry, type EntryView, entryAfter } from "../store/entry.ts";
import type { ReadonlyStore, Room } from "../store/store.ts";
import { detachText } from "../store/text.ts";
import type { Transaction, TransactionEvent } from "../transaction-log/transaction-logger.ts";
import type { BatchQuotas, Growth } from "./batch-quotas.ts";
import type { BatchRequests } from "./batch-requests.ts";
import type { Check, Mutation, MutationResult, Operation, Outcome } from "./operation.ts";

/** The last second of the year 9999, the latest timestamp in protobuf's JSON format. */
const expireTimeMax = Date.UTC(9999, 11, 31, 23, 59, 59);

export type BatchLimits = Pick<Limits, "storeBytesMax">;

/**
 * Called each time that an operation is evaluated, at `now` (milliseconds since 1970) and with everything before the batch
 * applied, unless its request id is remembered. The operation rejects with what it throws, and is not written.
 */
export type Requirement = (now: number) => void;

/** What operations may be refused for, beside their checks and the limits. */
export interface BatchRefusals {
  /** The error for operations that do more than delete. */
  readonly putRefusal?: Error | undefined;
  /** Must be new for each batch. */
  readonly quotas?: BatchQuotas | undefined;
}

/** Evaluates operations one after the other, each against the store and the mutations before it in the batch. */
export class Batch {
  /** The transactions to append, contiguous after the store's revision. */
  readonly transactions: Transaction[] = [];
  /** The entries that the transactions create, in the same order: one for each event, undefined for a delete. */
  readonly entries: (readonly (Entry | undefined)[])[] = [];
  readonly #store: ReadonlyStore;
  readonly #limits: BatchLimits;
  /** The time from which times to live count. */
  readonly #now: number;
  /** The time of the batch's transactions. */
  readonly #time: number;
  readonly #putRefusal: Error | undefined;
  readonly #quotas: BatchQuotas | undefined;
  readonly #requests: BatchRequests;
  /** By key what is written before it is applied; null: deleted. */
  readonly #pending = new Map<string, Entry | null>();
  readonly #room: Room;
  #bytes: number;

  /**
   * `now`, in milliseconds since 1970, is the time of all transactions, unless the log already has a later time.
   * Times to live always count from `now`: if another replica's clock was ahead, later entries must not live longer
   * because of it.
   */
  constructor(
    store: ReadonlyStore,
    requests: BatchRequests,
    limits: BatchLimits,
    now: number,
    { putRefusal, quotas }: BatchRefusals = {},
  ) {
    this.#store = store;
    this.#limits = limits;
    this.#now = now;
    this.#time = Math.max(now, store.time);
    this.#putRefusal = putRefusal;
    this.#quotas = quotas;
    this.#requests = requests;
    requests.begin(this.#time);
    this.#bytes = store.bytes;
    this.#room = store.room();
  }

  /**
   * Adds the operation to the batch. Throws REVISION_MISMATCH, KEY_EXISTS, NO_SUCH_KEY, STORE_FULL,
   * QUOTA_EXCEEDED, `putRefusal`, what `requirement` throws, or the errors of `BatchRequests.find`; the operation is then
   * not part of the batch.
   */
  evaluate(operation: Operation, requirement?: Requirement): Outcome {
    const { requestId } = operation;
    const earlier = requestId && this.#requests.find(requestId, operation);
    if (earlier !== undefined) return earlier;
    requirement?.(this.#now);
    return this.#execute(operation);
  }

  #execute(operation: Operation): Outcome {
    const { checks, mutations, requestId } = operation;
    checks.forEach((check, index) => {
      this.#verify(check, index);
    });
    const sequence = this.#revision + 1;
    const events: TransactionEvent[] = [];
    const entries: (Entry | undefined)[] = [];
    const results: MutationResult[] = [];
    const stamp = { sequence, time: this.#time };
    const growths: Growth[] | undefined = this.#quotas && [];
    let growth = 0;
    let added = 0;
    for (const mutation of mutations) {
      const previous = this.#get(mutation.key);
      const event = this.#event(mutation, sequence, previous);
      const entry = event && entryAfter(stamp, event, previous);
      const bytes = this.#bytesOf(entry) - this.#bytesOf(previous);
      const entryCount = (entry === undefined ? 0 : 1) - (previous === undefined ? 0 : 1);
      growth += bytes;
      added += entryCount;
      growths?.push({ key: mutation.key, bytes, entries: entryCount });
      if (event !== undefined) {
        events.push(event);
        entries.push(entry);
      }
      results.push({ entry, deleted: mutation.type === "delete" && previous !== undefined });
    }
    this.#checkBytes(growth);
    if (this.#putRefusal && events.some(({ type }) => type !== "delete")) throw this.#putRefusal;
    const quotaGrowth = growths && this.#quotas?.judge(growths);
    // What is refused takes nothing from the others: only the last judge may count at once.
    this.#takeRoom(entries, added);
    if (quotaGrowth !== undefined) this.#quotas?.admit(quotaGrowth);
    if (events.length === 0 && requestId === undefined) return { revision: this.#revision, results };
    this.#bytes += growth;
    events.forEach(({ key }, index) => {
      this.#pending.set(key, entries[index] ?? null);
    });
    const outcome = { revision: sequence, results };
    const request = requestId && this.#requests.add(requestId, operation, outcome);
    this.transactions.push({ sequence, time: this.#time, events, request });
    this.entries.push(entries);
    return outcome;
  }

  /** A write that makes the store smaller is accepted even when the store is full. */
  #checkBytes(growth: number): void {
    const { storeBytesMax } = this.#limits;
    if (growth <= 0 || this.#bytes + growth <= storeBytesMax) return;
    throw new DuetError(
      "STORE_FULL",
      `the store is full: its entries take ${this.#bytes} bytes, this write ${growth} more; the limit is ${storeBytesMax} (--store-bytes-max)`,
    );
  }

  #takeRoom(entries: readonly (Entry | undefined)[], added: number): void {
    const why = this.#room.take(entries, added);
    if (why !== undefined) throw new DuetError("STORE_FULL", `the store is full: ${why}`);
  }

  #bytesOf(entry: EntryView | undefined): number {
    return entry === undefined ? 0 : this.#store.bytesOf(entry);
  }

  get #revision(): number {
    return this.#store.revision + this.transactions.length;
  }

  #get(key: string): EntryView | undefined {
    const pending = this.#pending.get(key);
    return pending === undefined ? this.#store.stored(key) : (pending ?? undefined);
  }

  /** The event of a mutation; undefined for a delete of a missing key. */
  #event(
    mutation: Mutation,
    sequence: number,
    previous: EntryView | undefined,
  ): TransactionEvent | undefined {
    switch (mutation.type) {
      case "put":
        return {
          type: "put",
          key: previous?.key ?? detachText(mutation.key),
          value: mutation.value,
          createRevision: previous?.createRevision ?? sequence,
          version: (previous?.version ?? 0) + 1,
          expireTime: this.#expireTime(mutation.ttlMs),
        };
      case "delete":
        return previous && { type: "delete", key: previous.key, expired: mutation.expired };
      case "touch":
        if (previous === undefined) {
          const metadata = { revision: String(this.#revision) };
          throw new DuetError("NO_SUCH_KEY", "there is no such key", { metadata });
        }
        return { type: "touch", key: previous.key, expireTime: this.#expireTime(mutation.ttlMs) };
    }
  }

  #expireTime(ttlMs: number): number {
    return ttlMs === 0 ? 0 : Math.min(this.#now + ttlMs, expireTimeMax);
  }

  #verify({ key, condition }: Check, index: number): void {
    const entry = this.#get(key);
    const revision = entry?.revision ?? 0;
    const metadata = { current_revision: String(revision), check: String(index) };
    if ("revision" in condition) {
      if (revision !== condition.revision) {
        const now = revision === 0 ? "there is no such key" : `it is ${revision}`;
        throw new DuetError("REVISION_MISMATCH", `the revision is not ${condition.revision}: ${now}`, {
          metadata,
        });
      }
    } else if ("expiredAt" in condition) {
      const expireTime = entry?.expireTime ?? 0;
      if (expireTime !== 0 && expireTime <= condition.expiredAt) return;
      throw new DuetError("REVISION_MISMATCH", "the entry has not expired", { metadata });
    } else if (condition.exists && revision === 0) {
      throw new DuetError("REVISION_MISMATCH", "there is no such key", { metadata });
    } else if (!condition.exists && revision !== 0) {
      throw new DuetError("KEY_EXISTS", `the key exists, at revision ${revision}`, { metadata });
    }
  }
}
