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

/** While the log takes the operations of one request, those of the next are on their way. */
const requestsMax = 2;

/** The most bytes of operations in one request; larger ones are committed here. */
const operationsBytesMax = 1024 * 1024;

/** The most bytes of a request in addition to its operations. */
const requestOverheadBytes = 256;

/** Failures that are the response to the client. */
const judged: ReadonlySet<Reason> = new Set<Reason>([
  "REVISION_MISMATCH",
  "KEY_EXISTS",
  "NO_SUCH_KEY",
  "STORE_FULL",
  "QUOTA_EXCEEDED",
  "REQUEST_ID_EXPIRED",
  "REQUEST_ID_INVALID",
  "REQUEST_ID_REUSED",
  "RATE_LIMITED",
  "OVERLOADED",
]);

/** Failures after which the operation is in no log and never will be. */
const notApplied: ReadonlySet<Reason> = new Set<Reason>([
  "LOG_UNAVAILABLE",
  "SHUTTING_DOWN",
  "DATABASE_WENT_BACK_IN_TIME",
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
  readonly database: Pick<Database, "commitHere" | "reach">;
  readonly limits: Pick<Limits, "queueBytesMax" | "requestBytesMax">;
  readonly counts: ForwardCounts;
  /** Called when a request has failed; the peer should be left. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * The operations on their way to one peer. They gather while two requests are under way.
 *
 * An operation is committed here instead when the peer certainly has not applied it and never will. When that is not
 * known, it is repeated only if it has a request id: then it happens once, whichever of both comes first. Even then only a
 * success is certain: where the repeat fails, the first may still succeed later. Otherwise the outcome is unknown.
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
    for (const waiting of this.#waiting.splice(0)) {
      this.#bytes -= waiting.bytes;
      waiting.resolve(this.#commitHere(waiting));
    }
  }

  #send(): void {
    while (this.#running.size < requestsMax && this.#waiting.length > 0) {
      const batch = this.#take();
      const request = this.#request(batch).finally(() => {
        this.#running.delete(request);
        for (const { bytes } of batch) this.#bytes -= bytes;
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
    const { peer, database, onFailed } = this.#options;
    try {
      const { revision, outcomes } = await peer.forward(batch.map(({ encoded }) => encoded));
      if (outcomes.length !== batch.length)
        throw new TypeError(`${outcomes.length} outcomes of ${batch.length}`);
      const applied = Number(revision);
      // The client must find its write here; and a failed precondition is a read.
      await database.reach(applied);
      batch.forEach((waiting, index) => {
        const outcome = outcomes[index] as (typeof outcomes)[number];
        waiting.resolve(this.#settle(waiting, () => readOutcome(outcome, waiting.operation, applied)));
      });
    } catch (error) {
      const isRefused = error instanceof NotForwardedError;
      for (const waiting of batch) {
        waiting.resolve(isRefused ? this.#commitHere(waiting) : this.#repeat(waiting, error));
      }
      onFailed(error);
    }
  }

  async #settle(waiting: Waiting, read: () => Outcome): Promise<Outcome> {
    const { counts } = this.#options;
    try {
      const outcome = read();
      counts.forwarded++;
      return outcome;
    } catch (error) {
      if (error instanceof NotForwardedError) return this.#commitHere(waiting);
      if (!(error instanceof DuetError)) return this.#repeat(waiting, error);
      if (notApplied.has(error.reason)) return this.#commitHere(waiting);
      if (!judged.has(error.reason)) return this.#repeat(waiting, error);
      counts.forwarded++;
      throw error;
    }
  }

  #commitHere({ operation, span }: Waiting): Promise<Outcome> {
    const { counts, database } = this.#options;
    counts.refused++;
    return database.commitHere(operation, span);
  }

  async #repeat({ operation, span }: Waiting, cause: unknown): Promise<Outcome> {
    const { counts, database } = this.#options;
    counts.unknown++;
    if (operation.requestId === undefined) throw outcomeUnknown(cause);
    try {
      return await database.commitHere(operation, span);
    } catch (error) {
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
