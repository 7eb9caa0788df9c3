import { setTimeout as delay } from "node:timers/promises";
import type {
  ForwardResponse,
  Outcome as OutcomeMessage,
} from "../../gen/duetkv/internal/v1/forwarding_pb.ts";
import type { CallSpan, Database, Operation, Outcome } from "../database.ts";
import { DuetError } from "../errors.ts";
import type { Reason } from "../reasons.ts";
import type { ForwardCounts } from "./forward-counts.ts";
import { NotForwardedError } from "./not-forwarded-error.ts";
import { readOutcome } from "./outcome-message.ts";
import type { Peer } from "./peer.ts";
import type { RequestTracer } from "./request-tracer.ts";
import { Term, type TermDatabase, type TermTimes } from "./term.ts";

/** How long this replica tries to apply what the writer has appended, and how often, in milliseconds. */
const reachMs = 5_000;
const reachPauseMs = 100;

/** Failures of operations that were evaluated against a state as new as the call: the response to the client. */
const evaluated: ReadonlySet<string> = new Set<Reason>([
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

/** Failures after which the operation is in no log and never will be. */
const notApplied: ReadonlySet<string> = new Set<Reason>([
  "LOG_UNAVAILABLE",
  "SHUTTING_DOWN",
  "DATABASE_WENT_BACK_IN_TIME",
  "DEADLINE_EXCEEDED",
]);

/** An operation on its way to a peer. */
export interface Waiting {
  readonly operation: Operation;
  readonly encoded: Uint8Array;
  readonly span: CallSpan | undefined;
  /** Of memory. */
  readonly bytes: number;
  readonly resolve: (outcome: Outcome | Promise<Outcome>) => void;
}

export interface PeerRequestsOptions {
  readonly peer: Pick<Peer, "id" | "isUsable" | "forward" | "leave" | "close">;
  readonly database: Pick<Database, "commitAdmitted" | "queueBytes" | "reach" | "stateHashAt"> & TermDatabase;
  readonly counts: ForwardCounts;
  /** Called when a request has failed, or the peer appends nothing; it should be left. */
  readonly onFailed: (error: unknown) => void;
  /** Aborts when this replica stops: an outcome that is unknown then stays unknown. */
  readonly closing: AbortSignal;
  readonly tracer: RequestTracer | undefined;
  /** For tests. */
  readonly termTimes?: TermTimes | undefined;
}

/**
 * The requests to one peer, which find the outcome of each of their operations.
 *
 * An operation is committed here instead when the peer certainly has not applied it and never will. When that is not
 * known, one with a request id is repeated at once: it happens once, whichever of both comes first. A success is then
 * certain. Any other is repeated after the term. Neither repeat replaces what was written to its keys since it was sent: then
 * the outcome is unknown unless its request id is remembered. It is unknown, too, while the first may still be applied; `Term`
 * has the reasons.
 */
export class PeerRequests {
  readonly #options: PeerRequestsOptions;
  /** Whether all operations of the last request came too late. */
  #late = false;

  constructor(options: PeerRequestsOptions) {
    this.#options = options;
  }

  /** Answers an operation that was not sent. */
  commitHere(waiting: Waiting): void {
    this.#answer(waiting, this.#commitHere(waiting));
  }

  /** Sends the operations, and answers each of them. Never rejects. */
  async send(batch: readonly Waiting[]): Promise<void> {
    const { database, onFailed, termTimes } = this.#options;
    const term = new Term(database, termTimes);
    const wasLate = this.#late;
    let response: ForwardResponse;
    try {
      response = await this.#forward(batch, term);
      requireOutcomes(response, batch.length);
    } catch (error) {
      if (isOverloaded(error)) return this.#answerAll(batch, () => this.#refuse(error));
      onFailed(error);
      const isRefused = error instanceof NotForwardedError;
      return this.#answerAll(batch, (waiting) =>
        isRefused ? this.#commitHere(waiting) : this.#resolve(waiting, term, error),
      );
    }
    const { outcomes } = response;
    const applied = Number(response.revision);
    try {
      await this.#reach(applied);
      this.#compare(response, term);
    } catch (error) {
      // The peer has done its part if it is only this replica that cannot read the log.
      if (!isUnavailable(error)) onFailed(error);
      return this.#answerAll(batch, (waiting) => this.#resolve(waiting, term, error));
    }
    this.#late = outcomes.every(isLate);
    // After one slow append, as at a change of the leader, the writer goes on; appends by all others would slow it down.
    if (outcomes.every(isNotApplied) && (!this.#late || wasLate)) {
      onFailed(new Error("the writer appends nothing"));
    }
    this.#answerAll(batch, (waiting, index) => {
      const outcome = outcomes[index] as OutcomeMessage;
      return this.#settle(waiting, term, () => readOutcome(outcome, waiting.operation, applied));
    });
  }

  async #forward(batch: readonly Waiting[], { notAfter }: Term): Promise<ForwardResponse> {
    const { peer, tracer } = this.#options;
    const calls = batch.flatMap(({ span }) => (span === undefined ? [] : [span]));
    const span = calls.length === 0 ? undefined : tracer?.begin(calls);
    const operations = batch.map(({ encoded }) => encoded);
    try {
      const response = await peer.forward(operations, notAfter, span);
      span?.end(false);
      return response;
    } catch (error) {
      span?.end(true);
      throw error;
    }
  }

  /**
   * Applies what the peer has appended: the client must find its write here, and a failed precondition is a read. Rejects with
   * LOG_UNAVAILABLE when that is not possible for some seconds, and with another error when it never will be.
   */
  async #reach(revision: number): Promise<void> {
    const { database, closing } = this.#options;
    const end = performance.now() + reachMs;
    for (;;) {
      try {
        return await database.reach(revision);
      } catch (error) {
        if (!isUnavailable(error) || closing.aborted || performance.now() > end) throw error;
      }
      await delay(reachPauseMs);
    }
  }

  /** Throws when the peer has other entries: it is damaged, or its log is a copy, or went back in time. */
  #compare({ revision, stateHash, outcomes }: ForwardResponse, term: Term): void {
    // In the same log nothing is evaluated before what was durable when it was sent.
    if (Number(revision) < term.revision && outcomes.some(isEvaluated)) {
      throw new Error(`the replica evaluated at revision ${revision} what was sent at ${term.revision}`);
    }
    const own = this.#options.database.stateHashAt(Number(revision));
    // Unknown: the peer has failed all of them and is behind, or this replica is far ahead.
    if (own === undefined || own === stateHash) return;
    throw new Error(`the replica has other entries at revision ${revision}`);
  }

  #answerAll(
    batch: readonly Waiting[],
    outcomeOf: (waiting: Waiting, index: number) => Promise<Outcome>,
  ): void {
    batch.forEach((waiting, index) => {
      this.#answer(waiting, outcomeOf(waiting, index));
    });
  }

  /** The operation takes room in the queue until it has its outcome. */
  #answer({ bytes, resolve }: Waiting, outcome: Promise<Outcome>): void {
    const free = () => {
      this.#options.counts.queueBytes -= bytes;
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
      if (isOverloaded(error)) return this.#refuse(error);
      if (!evaluated.has(error.reason)) return this.#resolve(waiting, term, error);
      counts.forwarded++;
      throw error;
    }
  }

  #commitHere(waiting: Waiting): Promise<Outcome> {
    this.#options.counts.refused++;
    return this.#append(waiting);
  }

  /** The operation takes room in one queue only: meanwhile in that of this replica's appends. */
  async #append({ operation, span, bytes }: Waiting, requirement?: (now: number) => void): Promise<Outcome> {
    const { counts, database } = this.#options;
    counts.queueBytes -= bytes;
    try {
      return await database.commitAdmitted(operation, span, requirement);
    } finally {
      counts.queueBytes += bytes;
    }
  }

  /** The load is too much for one replica; appends by the others would make it more. */
  async #refuse(error: unknown): Promise<never> {
    this.#options.counts.overloaded++;
    throw error;
  }

  /** Finds out what became of an operation to which the peer has not responded. */
  async #resolve(waiting: Waiting, term: Term, cause: unknown): Promise<Outcome> {
    const { counts, database, closing } = this.#options;
    const { operation } = waiting;
    counts.unknown++;
    let evaluatedAt = 0;
    // The client may have gone meanwhile, and others may have written: this must not replace what they have written.
    const requireUnchanged = () => {
      evaluatedAt = database.revision;
      if (term.mayHaveApplied(operation)) throw outcomeUnknown(cause);
    };
    if (operation.requestId !== undefined) {
      // A failure proves nothing yet: the first may still succeed.
      const outcome = await this.#append(waiting, requireUnchanged).catch(() => undefined);
      if (outcome !== undefined) return outcome;
    }
    const end = await term.over(closing).catch(() => {
      throw outcomeUnknown(cause);
    });
    try {
      const outcome = await this.#append(waiting, requireUnchanged);
      if (evaluatedAt > end || isAppended(operation, outcome)) return outcome;
    } catch (error) {
      // What fails for any other reason was not evaluated against everything that the writer has appended.
      if (evaluatedAt > end && error instanceof DuetError && evaluated.has(error.reason)) throw error;
      throw outcomeUnknown(error);
    }
    throw outcomeUnknown(cause);
  }
}

function requireOutcomes({ outcomes }: ForwardResponse, count: number): void {
  if (outcomes.length !== count) throw new TypeError(`${outcomes.length} outcomes of ${count}`);
}

/** Whether the log has the operation: the delete of a missing key appends nothing, unless it has a request id. */
function isAppended({ requestId }: Operation, { results }: Outcome): boolean {
  return requestId !== undefined || results.some(({ entry, deleted }) => entry !== undefined || deleted);
}

function isEvaluated({ kind }: OutcomeMessage): boolean {
  return kind.case === "committed" || (kind.case === "failure" && evaluated.has(kind.value.reason));
}

function isNotApplied({ kind }: OutcomeMessage): boolean {
  return kind.case === "failure" && notApplied.has(kind.value.reason);
}

function isLate({ kind }: OutcomeMessage): boolean {
  return kind.case === "failure" && kind.value.reason === "DEADLINE_EXCEEDED";
}

function isOverloaded(error: unknown): boolean {
  return error instanceof DuetError && error.reason === "OVERLOADED";
}

function isUnavailable(error: unknown): boolean {
  return error instanceof DuetError && error.reason === "LOG_UNAVAILABLE";
}

function outcomeUnknown(cause: unknown): DuetError {
  return new DuetError(
    "OUTCOME_UNKNOWN",
    "the replica that appends for all did not respond; the write may have been committed: read before you retry",
    { cause },
  );
}
