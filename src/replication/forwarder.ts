import type { CallSpan, Database, Forwarding, Operation, Outcome, Writer } from "../database.ts";
import { operationBytes } from "../database.ts";
import { DuetError } from "../errors.ts";
import { forwardedOperationsMax } from "../limits.ts";
import type { Logger } from "../logging.ts";
import type { Reason } from "../reasons.ts";
import { ForwardCounts } from "./forward-counts.ts";
import { toOperationMessage } from "./operation-message.ts";
import { readOutcome } from "./outcome-message.ts";
import { NotForwardedError, type Peer } from "./peer.ts";

/** While the log takes the operations of one request, those of the next are on their way. */
const requestsMax = 2;

/** The most bytes of operations in one request; larger ones are committed here. */
const requestBytesMax = 1024 * 1024;

/** How often the heartbeats are looked at, and how long a writer that cannot be reached is left alone. */
const lookMs = 100;
const retryMs = 1_000;

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
  readonly span: CallSpan | undefined;
  readonly bytes: number;
  readonly resolve: (outcome: Outcome | Promise<Outcome>) => void;
}

type OpenPeer = Pick<Peer, "id" | "isUsable" | "forward" | "leave" | "close">;

export interface ForwarderOptions {
  readonly database: Pick<Database, "commitHere" | "reach" | "writer">;
  /** Opens a connection to the writer. Rejects when that cannot be reached. */
  readonly openPeer: (writer: Writer) => Promise<OpenPeer>;
  /** Bytes of operations that may wait. */
  readonly queueBytesMax: number;
  readonly log: Logger;
}

/**
 * Sends operations to the replica that appends for all. Operations gather while two requests are under way.
 *
 * An operation is committed here instead when the writer certainly has not applied it and never will. When that is not
 * known, it is repeated only if it has a request id: then it happens once, whichever of both comes first. Even then only a
 * success is certain: where the repeat fails, the first may still succeed later. Otherwise the outcome is unknown.
 */
export class Forwarder implements Forwarding {
  readonly #options: ForwarderOptions;
  readonly #timer: NodeJS.Timeout;
  readonly counts = new ForwardCounts();
  #peer: OpenPeer | undefined;
  #opening = false;
  #retryTime = 0;
  #warned = false;
  #closed = false;
  #queue: Waiting[] = [];
  #bytes = 0;
  #requests = 0;
  #scheduled = false;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.look(), lookMs).unref();
  }

  forward(operation: Operation, span?: CallSpan): Promise<Outcome> | undefined {
    if (this.#peer?.isUsable !== true) return undefined;
    const bytes = operationBytes(operation);
    if (bytes > requestBytesMax) return undefined;
    if (this.#bytes > 0 && this.#bytes + bytes > this.#options.queueBytesMax) {
      const message = "too many writes wait for the writer; the limit is --queue-bytes-max. Try again later";
      return Promise.reject(new DuetError("OVERLOADED", message));
    }
    return new Promise((resolve) => {
      this.#queue.push({ operation, span, bytes, resolve });
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

  /** Looks which replica is the writer, and connects to it. */
  look(): void {
    const writer = this.#options.database.writer();
    const target = writer?.self === false ? writer : undefined;
    if (this.#peer !== undefined && (this.#peer.id !== target?.id || !this.#peer.isUsable)) {
      this.#peer.leave();
      this.#peer = undefined;
    }
    if (target === undefined || this.#peer !== undefined || this.#closed) return;
    if (!this.#opening && performance.now() >= this.#retryTime) void this.#open(target);
  }

  /** Later operations are committed here. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#peer?.close();
    this.#peer = undefined;
  }

  async #open(writer: Writer): Promise<void> {
    const { openPeer, log } = this.#options;
    const facts = { writer: writer.id, address: writer.address };
    this.#opening = true;
    try {
      const peer = await openPeer(writer);
      if (this.#closed) return peer.close();
      this.#peer = peer;
      this.#warned = false;
      log.info(facts, "writes are forwarded");
    } catch (error) {
      this.#retryTime = performance.now() + retryMs;
      if (!this.#warned) log.warn({ ...facts, err: error }, "writer not reached; writes are appended here");
      this.#warned = true;
    } finally {
      this.#opening = false;
    }
  }

  #send(): void {
    while (this.#requests < requestsMax && this.#queue.length > 0) {
      const batch = this.#take();
      this.#requests++;
      void this.#forward(batch).finally(() => {
        this.#requests--;
        for (const { bytes } of batch) this.#bytes -= bytes;
        this.#send();
      });
    }
  }

  #take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const waiting of this.#queue) {
      bytes += waiting.bytes;
      if (count > 0 && (bytes > requestBytesMax || count === forwardedOperationsMax)) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  /** Never rejects. */
  async #forward(batch: readonly Waiting[]): Promise<void> {
    const peer = this.#peer;
    try {
      if (peer === undefined) throw new NotForwardedError("the writer is not connected");
      const operations = batch.map(({ operation }) => toOperationMessage(operation));
      const { revision, outcomes } = await peer.forward(operations);
      if (outcomes.length !== batch.length)
        throw new TypeError(`${outcomes.length} outcomes of ${batch.length}`);
      const applied = Number(revision);
      // The client must find its write here; and a failed precondition is a read.
      await this.#options.database.reach(applied);
      batch.forEach((waiting, index) => {
        const outcome = outcomes[index] as (typeof outcomes)[number];
        waiting.resolve(this.#settle(waiting, () => readOutcome(outcome, waiting.operation, applied)));
      });
    } catch (error) {
      const isRefused = error instanceof NotForwardedError;
      if (peer !== undefined) this.#leave(peer, error);
      for (const waiting of batch) {
        waiting.resolve(isRefused ? this.#commitHere(waiting) : this.#repeat(waiting, error));
      }
    }
  }

  async #settle(waiting: Waiting, read: () => Outcome): Promise<Outcome> {
    try {
      const outcome = read();
      this.counts.forwarded++;
      return outcome;
    } catch (error) {
      if (!(error instanceof DuetError)) return this.#repeat(waiting, error);
      if (notApplied.has(error.reason)) return this.#commitHere(waiting);
      if (!judged.has(error.reason)) return this.#repeat(waiting, error);
      this.counts.forwarded++;
      throw error;
    }
  }

  #commitHere({ operation, span }: Waiting): Promise<Outcome> {
    this.counts.refused++;
    return this.#options.database.commitHere(operation, span);
  }

  async #repeat({ operation, span }: Waiting, cause: unknown): Promise<Outcome> {
    this.counts.unknown++;
    if (operation.requestId === undefined) throw outcomeUnknown(cause);
    try {
      return await this.#options.database.commitHere(operation, span);
    } catch (error) {
      throw outcomeUnknown(error);
    }
  }

  #leave(peer: OpenPeer, error: unknown): void {
    if (this.#peer !== peer) return;
    this.#peer = undefined;
    this.#retryTime = performance.now() + retryMs;
    peer.leave();
    this.#options.log.warn({ writer: peer.id, err: error }, "forwarding failed; writes are appended here");
    this.#warned = true;
  }
}

function outcomeUnknown(cause: unknown): DuetError {
  return new DuetError(
    "OUTCOME_UNKNOWN",
    "the replica that appends for all did not respond; the write may have been committed: read before you retry",
    { cause },
  );
}
