import { randomUUID } from "node:crypto";
import { DuetError } from "../../../errors.ts";
import { backoffMs } from "../../shared/backoff.ts";
import { Doorbell } from "../../shared/doorbell.ts";
import { StoppingBound } from "../../shared/stopping.ts";
import type { AppendOutcome, Transaction } from "../../transaction-logger.ts";
import type { Connection } from "../connection/connection.ts";
import type { Connections } from "../connection/connections.ts";
import { isFull, isRefusal, NotConnectedError, withoutDetails } from "../connection/database-error.ts";
import { refreshHead } from "../follow/head.ts";
import { asRefusal, type History } from "../follow/history.ts";
import { encodePiece } from "../follow/piece.ts";
import { type AppendBatch, tryAppend } from "./append.ts";
import { AppendLease } from "./append-lease.ts";
import { resolveOutcome } from "./outcome.ts";
import type { OwnAppends } from "./own-appends.ts";

export interface AppenderOptions {
  readonly connections: Connections;
  readonly history: History;
  readonly own: OwnAppends;
  /** The newest sequence, read or notified; a hint. */
  readonly newest: () => number;
  /** The read barrier, as `TransactionLogger.latestSequence`. */
  readonly latestSequence: () => Promise<number>;
  /** Commits a row for its side effect, the wait for the standby. */
  readonly commitRow: (connection: Connection) => Promise<void>;
  /** How long to look for the outcome of an append whose response was lost. */
  readonly outcomeMs: number;
  /** How long appends may take once the process stops, see `StoppingBound`. */
  readonly stoppingMs: number;
  readonly stopping: AbortSignal;
  /** Called when the database fails; `bytes` is the size of the refused write. */
  readonly onTrouble: (error: unknown, bytes?: number) => void;
  /** Called when a batch was appended. */
  readonly onAppended: () => void;
  readonly signal: AbortSignal;
}

/** Appends batches, and resolves the outcome of those whose response was lost. */
export class Appender {
  readonly #options: AppenderOptions;
  readonly #bound: StoppingBound;
  readonly #lease: AppendLease;
  /** Whether the outcome of a sent batch is not known yet. */
  #open = false;
  #gaveUp = false;

  constructor(options: AppenderOptions) {
    this.#options = options;
    this.#bound = new StoppingBound(options.stopping, options.stoppingMs, options.signal);
    this.#lease = new AppendLease(options.connections);
  }

  /** As `TransactionLogger.append`. */
  async append(basis: number, transactions: readonly Transaction[]): Promise<AppendOutcome> {
    const cause = new Error("no response from the database before the shutdown deadline");
    // An abandoned append may still be running, and appends run one at a time.
    if (this.#gaveUp) throw unavailable(cause);
    return this.#bound.await(this.#appendByLease(basis, transactions), () => {
      this.#gaveUp = true;
      return this.#open ? outcomeUnknown(cause) : unavailable(cause);
    });
  }

  async #appendByLease(basis: number, transactions: readonly Transaction[]): Promise<AppendOutcome> {
    if (this.#lease.isDue) await this.#takeLease();
    if (await this.#append(basis, transactions)) {
      this.#lease.appended();
      return { appended: true };
    }
    this.#lease.conflicted();
    if (!this.#lease.held) await this.#takeLease();
    // The owner responds to failed preconditions from the state at this sequence, as to linearizable reads.
    return { appended: false, latest: await this.#options.latestSequence() };
  }

  close(): void {
    this.#lease.close();
  }

  /** False when the log does not end at `basis`. */
  async #append(basis: number, transactions: readonly Transaction[]): Promise<boolean> {
    const { history, newest, outcomeMs } = this.#options;
    const until = performance.now() + outcomeMs;
    // A batch that is already too late need not be sent.
    if (Math.max(basis, newest()) > history.seen.sequence) await this.#refresh();
    for (;;) {
      // The caller already has the response that nothing was written.
      if (this.#gaveUp) throw unavailable(new Error("the append was given up because the process stops"));
      if (basis !== history.seen.sequence) return false;
      if (transactions.length === 0) return true;
      const { seen } = history;
      const id = randomUUID();
      const { last, events } = encodePiece({
        basis,
        last: basis + transactions.length,
        id,
        previous: seen.batch,
        transactions,
      });
      const batch: AppendBatch = { basis: seen, sequence: last, batch: id, events };
      const appended = await this.#attempt(batch, until);
      if (appended === true) return true;
      if (appended === false) await this.#refresh();
      if (performance.now() > until)
        throw unavailable(new Error("the database connection was lost repeatedly"));
    }
  }

  /**
   * Resolves with true when the batch is in the log, with false when another batch is in its place, and with undefined
   * when it was not appended for another reason and may be retried.
   */
  async #attempt(batch: AppendBatch, until: number): Promise<boolean | undefined> {
    const { history, own, onTrouble, onAppended } = this.#options;
    const settle = own.begin(batch.basis.sequence, batch.sequence);
    let appended: boolean | undefined = false;
    this.#open = true;
    try {
      appended = await this.#lease.append((connection, endsLease) => tryAppend(connection, batch, endsLease));
    } catch (error) {
      onTrouble(error, batch.events.length);
      if (error instanceof NotConnectedError || isRefusal(error)) throw unavailable(error);
      appended = (await this.#resolve(batch, until, error)) ? true : undefined;
    } finally {
      this.#open = false;
      settle(appended === true);
      if (appended === true) {
        history.advance(batch);
        history.prove(batch);
        onAppended();
      }
    }
    return appended;
  }

  /** Queries the outcome on new connections until one responds. Rejects with OUTCOME_UNKNOWN when none does in time. */
  async #resolve(batch: AppendBatch, until: number, cause: unknown): Promise<boolean> {
    const { connections, history, commitRow, signal, onTrouble } = this.#options;
    for (let failures = 0; ; failures++) {
      try {
        return await connections.withConnection(
          (connection) => resolveOutcome(connection, history, batch, commitRow),
          { fresh: true },
        );
      } catch (error) {
        onTrouble(error);
        const left = until - performance.now();
        if (left <= 0 || signal.aborted || history.fault) {
          throw outcomeUnknown(cause);
        }
        await new Doorbell().wait(Math.min(left, backoffMs(failures)), signal);
      }
    }
  }

  /** Blocks the appends of other writers until this writer has appended, so that its owner can catch up with the log. */
  async #takeLease(): Promise<void> {
    await this.#lease.take();
    await this.#refresh();
  }

  async #refresh(): Promise<void> {
    const { connections, history, onTrouble } = this.#options;
    try {
      await connections.withConnection((connection) => refreshHead(connection, history));
    } catch (error) {
      if (!history.fault) onTrouble(error);
      throw unavailable(history.fault ?? error);
    }
  }
}

function outcomeUnknown(cause: unknown): DuetError {
  return new DuetError(
    "OUTCOME_UNKNOWN",
    "the database connection was lost during the append; the write may have been committed: read before you retry",
    { cause: withoutDetails(cause) },
  );
}

function unavailable(error: unknown): DuetError {
  if (error instanceof DuetError) return asRefusal(error);
  const cause = withoutDetails(error);
  const message = isFull(error)
    ? "write refused: the database is out of disk space or memory; free some, then retry"
    : "write refused: the database of the log is unavailable; retry later";
  return new DuetError("LOG_UNAVAILABLE", message, { cause });
}
