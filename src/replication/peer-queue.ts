import type { CallSpan, Database, Operation, Outcome } from "../database.ts";
import { operationBytes } from "../database.ts";
import { DuetError } from "../errors.ts";
import { forwardedOperationsMax, type Limits } from "../limits.ts";
import type { Reason } from "../reasons.ts";
import type { ForwardCounts } from "./forward-counts.ts";
import { NotForwardedError } from "./not-forwarded-error.ts";
import { encodeOperation } from "./operation-message.ts";
import { readOutcome } from "./outcome-message.ts";
import type { Peer } from "./peer.ts";
import { Term, type TermDatabase, type TermTimes } from "./term.ts";

/** While the log takes the operations of one request, those of the next are on their way. */
const requestsMax = 2;

/** The most bytes of operations in one request; larger ones are committed here. */
const operationsBytesMax = 1024 * 1024;

/** The most bytes of a request in addition to its operations. */
const requestOverheadBytes = 256;

/** Failures of operations that were evaluated against a state as new as the call. */
const evaluated: ReadonlySet<Reason> = new Set<Reason>([
  "REVISION_MISMATCH",
  "KEY_EXISTS",
  "NO_SUCH_KEY",
  "STORE_FULL",
  "QUOTA_EXCEEDED",
  "REQUEST_ID_EXPIRED",
  "REQUEST_ID_INVALID",
  "REQUEST_ID_REUSED",
  "RATE_LIMITED",
]);

/** Failures that are the response to the client. */
const judged: ReadonlySet<Reason> = new Set<Reason>([...evaluated, "OVERLOADED"]);

/** Failures after which the operation is in no log and never will be. */
const notApplied: ReadonlySet<Reason> = new Set<Reason>([
  "LOG_UNAVAILABLE",
  "SHUTTING_DOWN",
  "DATABASE_WENT_BACK_IN_TIME",
  "DEADLINE_EXCEEDED",
]);

interface Waiting {
  readonly operation: Operation;
  readonly encoded: Uint8Array;
  readonly span: CallSpan | undefined;
  /** Of memory. */
  readonly bytes: number;
  readonly resolve: (outcome: Outcome | Promise<Outcome>) => void;
}

export interface PeerQueueOptions {
  readonly peer: Pick<Peer, "id" | "isUsable" | "forward" | "leave" | "close">;
  readonly database: Pick<Database, "commitHere" | "reach"> & TermDatabase;
  readonly limits: Pick<Limits, "queueBytesMax" | "requestBytesMax">;
  readonly counts: ForwardCounts;
  /** Called when a request has failed; the peer should be left. */
  readonly onFailed: (error: unknown) => void;
  /** Aborts when this replica stops: an outcome that is unknown then stays unknown. */
  readonly closing: AbortSignal;
  /** For tests. */
  readonly termTimes?: TermTimes | undefined;
}

/**
 * The operations on their way to one peer. They gather while two requests are under way.
 *
 * An operation is committed here instead when the peer certainly has not applied it and never will. When that is not
 * known, one with a request id is repeated at once: it happens once, whichever of both comes first. A success is then
 * certain, and any other outcome is once the term of the request is over. One without a request id is repeated after the
 * term, if the log shows that it was not applied. If it may have been, the outcome is unknown.
 */
export class PeerQueue {
  readonly #options: PeerQueueOptions;
  /** Of the encoded operations in one request. */
  readonly #requestBytesMax: number;
  readonly #running = new Set<Promise<void>>();
  #waiting: Waiting[] = [];
  #bytes = 0;
  #scheduled = false;

  constructor(options: PeerQueueOptions) {
    this.#options = options;
    const { requestBytesMax } = options.limits;
    this.#requestBytesMax = Math.min(operationsBytesMax, requestBytesMax - requestOverheadBytes);
  }

  /** Of the peer. */
  get id(): string {
    return this.#options.peer.id;
  }

  get isUsable(): boolean {
    return this.#options.peer.isUsable;
  }

  /** Undefined: the operation cannot be sent; commit it here. Rejects with OVERLOADED, or as `Database.commit` does. */
  forward(operation: Operation, span?: CallSpan): Promise<Outcome> | undefined {
    if (!this.isUsable) return undefined;
    const memoryBytes = operationBytes(operation);
    if (memoryBytes > operationsBytesMax) return undefined;
    const encoded = encodeOperation(operation);
    if (encoded === undefined || encoded.length > this.#requestBytesMax) return undefined;
    const bytes = memoryBytes + encoded.length;
    if (this.#bytes > 0 && this.#bytes + bytes > this.#options.limits.queueBytesMax) {
      const message = "too many writes wait for the writer; the limit is --queue-bytes-max. Try again later";
      return Promise.reject(new DuetError("OVERLOADED", message));
    }
    return new Promise((resolve) => {
      this.#waiting.push({ operation, encoded, span, bytes, resolve });
      this.#bytes += bytes;
      if (this.#scheduled) return;
      this.#scheduled = true;
      // Operations of the same turn of the event loop share a request.
      setImmediate(() => {
        this.#scheduled = false;
        this.#send();
      });
    });
  }

  /** Commits here what was not sent. Resolves when the requests under way have ended. */
  async leave(): Promise<void> {
    this.#options.peer.leave();
    this.#commitWaiting();
    await Promise.all(this.#running);
  }

  /** As `leave`, but ends the requests under way; the outcome of their operations is unknown. */
  close(): void {
    this.#options.peer.close();
    this.#commitWaiting();
  }

  #commitWaiting(): void {
    for (const waiting of this.#waiting.splice(0)) this.#answer(waiting, this.#commitHere(waiting));
  }

  #send(): void {
    while (this.#running.size < requestsMax && this.#waiting.length > 0) {
      const batch = this.#take();
      const request = this.#request(batch).finally(() => {
        this.#running.delete(request);
        this.#send();
      });
      this.#running.add(request);
    }
  }

  #take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { encoded } of this.#waiting) {
      bytes += encoded.length;
      if (count > 0 && (bytes > this.#requestBytesMax || count === forwardedOperationsMax)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  /** Never rejects. */
  async #request(batch: readonly Waiting[]): Promise<void> {
    const { peer, database, onFailed, termTimes } = this.#options;
    const term = new Term(database, termTimes);
    try {
      const operations = batch.map(({ encoded }) => encoded);
      const { revision, outcomes } = await peer.forward(operations, term.notAfter);
      if (outcomes.length !== batch.length)
        throw new TypeError(`${outcomes.length} outcomes of ${batch.length}`);
      const applied = Number(revision);
      // The client must find its write here; and a failed precondition is a read.
      await database.reach(applied);
      batch.forEach((waiting, index) => {
        const outcome = outcomes[index] as (typeof outcomes)[number];
        const read = () => readOutcome(outcome, waiting.operation, applied);
        this.#answer(waiting, this.#settle(waiting, term, read));
      });
    } catch (error) {
      const isRefused = error instanceof NotForwardedError;
      for (const waiting of batch) {
        this.#answer(waiting, isRefused ? this.#commitHere(waiting) : this.#resolve(waiting, term, error));
      }
      onFailed(error);
    }
  }

  /** The operation takes room in the queue until it has its outcome. */
  #answer({ bytes, resolve }: Waiting, outcome: Promise<Outcome>): void {
    const free = () => {
      this.#bytes -= bytes;
    };
    outcome.then(free, free);
    resolve(outcome);
  }

  async #settle(waiting: Waiting, term: Term, read: () => Outcome): Promise<Outcome> {
    const { counts } = this.#options;
    try {
      const outcome = read();
      counts.forwarded++;
      return outcome;
    } catch (error) {
      if (error instanceof NotForwardedError) return this.#commitHere(waiting);
      if (!(error instanceof DuetError)) return this.#resolve(waiting, term, error);
      if (notApplied.has(error.reason)) return this.#commitHere(waiting);
      if (!judged.has(error.reason)) return this.#resolve(waiting, term, error);
      counts.forwarded++;
      throw error;
    }
  }

  #commitHere({ operation, span }: Waiting): Promise<Outcome> {
    const { counts, database } = this.#options;
    counts.refused++;
    return database.commitHere(operation, span);
  }

  /** Finds out what became of an operation to which the peer has not responded. */
  async #resolve({ operation, span }: Waiting, term: Term, cause: unknown): Promise<Outcome> {
    const { counts, database, closing } = this.#options;
    counts.unknown++;
    const isRepeatable = operation.requestId !== undefined;
    if (isRepeatable) {
      // A failure proves nothing yet: the first may still succeed.
      const outcome = await database.commitHere(operation, span).catch(() => undefined);
      if (outcome !== undefined) return outcome;
    }
    await term.over(closing).catch(() => {
      throw outcomeUnknown(cause);
    });
    try {
      return await database.commitHere(operation, span, () => {
        if (!isRepeatable && term.mayHaveApplied(operation)) throw outcomeUnknown(cause);
      });
    } catch (error) {
      // What fails for any other reason was not evaluated against everything that the writer has appended.
      if (error instanceof DuetError && evaluated.has(error.reason)) throw error;
      throw outcomeUnknown(error);
    }
  }
}

function outcomeUnknown(cause: unknown): DuetError {
  return new DuetError(
    "OUTCOME_UNKNOWN",
    "the replica that appends for all did not respond; the write may have been committed: read before you retry",
    { cause },
  );
}
