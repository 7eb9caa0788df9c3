import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { DuetError } from "../../errors.ts";
import { encodeBatch } from "../codec/batch.ts";
import { backoffMs } from "../shared/backoff.ts";
import { StoppingBound } from "../shared/stopping.ts";
import type { AppendOutcome, Transaction } from "../transaction-logger.ts";
import type { ChainedBatch, Cursor } from "./chain.ts";
import { NotSentError } from "./driver.ts";
import { asRefusal, type History } from "./history.ts";
import { LogReader } from "./log-reader.ts";
import type { OwnAppends } from "./own-appends.ts";

/** Room for what the engine adds to a message. */
const envelopeBytes = 1024;

export interface AppenderOptions {
  readonly history: History;
  readonly own: OwnAppends;
  /** How long to look for the outcome of an append that was not confirmed. */
  readonly outcomeMs: number;
  /** How long appends may take once the process stops, see `StoppingBound`. */
  readonly stoppingMs: number;
  readonly stopping: AbortSignal;
  readonly signal: AbortSignal;
  /** Called when the log does not respond as it should. */
  readonly onTrouble: (error: unknown) => void;
  /** Called when a batch was appended. */
  readonly onAppended: (bytes: number) => void;
}

/** Appends batches, and finds out what became of those that were not confirmed. */
export class Appender {
  readonly #options: AppenderOptions;
  readonly #bound: StoppingBound;
  /** Whether the outcome of a sent batch is not known yet. */
  #open = false;
  #gaveUp = false;
  /** How often a batch that was sent was not confirmed. */
  unconfirmed = 0;

  constructor(options: AppenderOptions) {
    this.#options = options;
    this.#bound = new StoppingBound(options.stopping, options.stoppingMs, options.signal);
  }

  /** As `TransactionLogger.append`. */
  async append(basis: number, transactions: readonly Transaction[]): Promise<AppendOutcome> {
    const { history } = this.#options;
    const cause = new Error("no response from the log before the shutdown deadline");
    this.#assertNotGivenUp();
    const appending = this.#append(basis, transactions);
    const appended = await this.#bound.await(appending, () => {
      this.#gaveUp = true;
      return this.#open ? outcomeUnknown(cause) : asRefusal(cause);
    });
    return appended ? { appended } : { appended, latest: history.seen.sequence };
  }

  /** False when the log does not end at `basis`. */
  async #append(basis: number, transactions: readonly Transaction[]): Promise<boolean> {
    const { history } = this.#options;
    if (history.seen.sequence !== basis || history.isDoubtful) await this.#refresh();
    // Again when only the empty batch of another writer was in the way.
    for (;;) {
      this.#assertNotGivenUp();
      const { seen } = history;
      if (basis !== seen.sequence) return false;
      if (transactions.length === 0 || (await this.#appendAfter(seen, transactions))) return true;
    }
  }

  /** An append that was given up may still be running: it must not be sent, and appends run one at a time. */
  #assertNotGivenUp(): void {
    if (this.#gaveUp) throw asRefusal(new Error("the log is being closed"));
  }

  async #refresh(): Promise<void> {
    try {
      await readNewest(this.#options.history, this.#options.history.seen);
    } catch (error) {
      throw asRefusal(error);
    }
  }

  async #appendAfter(from: Cursor, transactions: readonly Transaction[]): Promise<boolean> {
    const { history, own, onAppended } = this.#options;
    const id = randomUUID();
    const { sequence: basis, batch: previous } = from;
    const last = basis + transactions.length;
    const bytes = encodeBatch({ basis, last, id, previous, transactions });
    const limit = history.driver.messageBytesMax - envelopeBytes;
    if (bytes.length > limit) {
      const message = `the batch has ${bytes.length} bytes; the log takes ${limit}. Write less at once`;
      throw new DuetError("LOG_UNAVAILABLE", message);
    }
    const settle = own.begin(from);
    let end: Cursor | undefined;
    this.#open = true;
    try {
      const position = await this.#write(from, id, bytes);
      if (position !== undefined) end = { position, sequence: last, batch: id };
    } finally {
      this.#open = false;
      settle(end);
      if (end) {
        history.advance(end);
        this.#ring(end.position);
        onAppended(bytes.length);
      }
    }
    return end !== undefined;
  }

  /** The batch is durable, whatever becomes of the hint. */
  #ring(position: number): void {
    try {
      this.#options.history.driver.ring(position);
    } catch (error) {
      this.#options.onTrouble(error);
    }
  }

  /**
   * Resolves with the position of the batch when it is in the log, and with undefined when another batch is in its place.
   *
   * Only a confirmation is proof. A refusal is the opinion of one server, which may be an old leader, and a confirmation
   * may get lost. So the log is read up to a new barrier. If nothing follows `from`, the same append is repeated: its
   * condition lets only one of both in. Before it is given up, an empty batch takes its place, so that it never appears.
   */
  async #write(from: Cursor, id: string, bytes: Buffer): Promise<number | undefined> {
    const { history, outcomeMs, signal, onTrouble } = this.#options;
    const begin = performance.now();
    let cause: unknown = new Error("the log refused the append, and does not end elsewhere");
    for (let failures = 0; ; failures++) {
      const isFence = failures > 0 && performance.now() - begin > outcomeMs / 2;
      try {
        const position = await history.driver.tryAppend(from.position, isFence ? fence(from, id) : bytes);
        // On a new connection, its condition may have held in another log.
        if (position !== undefined && !isFence && !history.isDoubtful) return position;
      } catch (error) {
        cause = error;
        onTrouble(error);
        if (error instanceof NotSentError && failures === 0) throw asRefusal(error);
        this.unconfirmed++;
      }
      let next: ChainedBatch | undefined;
      try {
        next = await readNewest(history, from);
      } catch (error) {
        onTrouble(error);
        if (history.fault) throw outcomeUnknown(cause);
      }
      if (next?.header.id === id && next.header.count === 0) throw asRefusal(cause);
      if (next !== undefined) return next.header.id === id ? next.end.position : undefined;
      history.doubt();
      const isOver = isFence && performance.now() - begin > outcomeMs;
      if (isOver || signal.aborted) throw outcomeUnknown(cause);
      await delay(backoffMs(failures));
    }
  }
}

/** Takes the place of the batch `id`. */
function fence({ sequence, batch }: Cursor, id: string): Buffer {
  return encodeBatch({ basis: sequence, last: sequence, id, previous: batch, transactions: [] });
}

/** Reads everything that is durable after `from`, and resolves with the first batch of it. */
export async function readNewest(history: History, from: Cursor): Promise<ChainedBatch | undefined> {
  const reader = new LogReader(history, from);
  let first: ChainedBatch | undefined;
  for await (const [next] of reader.readTo(await history.barrier())) first ??= next;
  history.advance(reader.cursor);
  return first;
}

function outcomeUnknown(cause: unknown): DuetError {
  return new DuetError(
    "OUTCOME_UNKNOWN",
    "the log did not confirm the append; the write may have been committed: read before you retry",
    { cause },
  );
}
