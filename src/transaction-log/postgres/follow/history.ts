import { DuetError } from "../../../errors.ts";
import { corrupt } from "./piece.ts";

/** The end of one batch. Batches are a chain, so a position identifies the whole log before it. */
export interface Position {
  readonly sequence: number;
  readonly batch: string;
}

/** The state of the log in one snapshot of the database. */
export interface Header extends Position {
  readonly history: string;
  readonly horizon: number;
  /** Whether the anchor, the position given to the query, is in the database. */
  readonly anchored: boolean;
}

/**
 * The columns of the header. The two parameters are the sequence and the batch of the anchor. The newest batch is the one
 * with the largest basis.
 */
export function headerColumns(sequenceParameter: string, batchParameter: string): string {
  return `log.history, log.horizon, head.last, head.id, EXISTS (
      SELECT FROM duetkv.batches WHERE id = ${batchParameter}::uuid AND last = ${sequenceParameter}::bigint)`;
}

export const headerTables = `duetkv.log, LATERAL (
      SELECT id, last FROM duetkv.batches WHERE basis IS NOT NULL ORDER BY basis DESC LIMIT 1) AS head`;

export type HeaderRow = readonly [
  history: string,
  horizon: string,
  sequence: string,
  batch: string,
  anchored: boolean,
];

export const headerLength = 5;

/** Throws LOG_CORRUPT for numbers that no log has. */
export function decodeHeader(row: HeaderRow): Header {
  const [history, horizon, sequence, batch, anchored] = row;
  const header = { history, horizon: Number(horizon), sequence: Number(sequence), batch, anchored };
  if (header.horizon >= 0 && header.horizon <= header.sequence && Number.isSafeInteger(header.sequence)) {
    return header;
  }
  throw corrupt(`it ends at ${sequence}, and its horizon is ${horizon}`);
}

/**
 * The past of the log as this process has read it. Each query of the header checks whether the newest known position is
 * still in the database. If it is not, the database was restored or lost commits in a failover. It may lose a batch that
 * no standby has and that nobody has read or was told of. If it has lost more, there are two histories. Then, and when
 * compaction has dropped events that this process has not read, the log is not used any more.
 */
export class History {
  readonly #id: string;
  #seen: Position;
  /** Everything that was read or acknowledged is at or before this position. */
  #proven: Position;
  #horizon: number;
  #fault: DuetError | undefined;
  /** Called when `seen` advances and when `fault` is set. */
  onAdvance: () => void = () => {};

  constructor({ history, sequence, batch, horizon }: Header) {
    this.#id = history;
    this.#seen = { sequence, batch };
    this.#proven = this.#seen;
    this.#horizon = horizon;
  }

  /** The id of the log, a UUID. */
  get id(): string {
    return this.#id;
  }

  /** The newest known position. */
  get seen(): Position {
    return this.#seen;
  }

  get horizon(): number {
    return this.#horizon;
  }

  /** LOG_CORRUPT or DATABASE_WENT_BACK_IN_TIME, permanent until the process restarts. */
  get fault(): DuetError | undefined {
    return this.#fault;
  }

  /**
   * Takes over the header of a query with `anchor`, which was `seen`. Returns false when the header says nothing about
   * `seen`, which has changed since the query began or changes now: query again. Throws `fault`.
   */
  learn(header: Header, anchor: Position): boolean {
    if (this.#fault) throw this.#fault;
    const compacted = header.horizon > anchor.sequence;
    if (header.history !== this.#id) throw this.#fail(wentBack("it contains another log"));
    if (compacted || !header.anchored) {
      if (anchor !== this.#seen) return false;
      if (compacted) throw this.outrun(anchor.sequence, header.horizon);
      if (anchor !== this.#proven) {
        this.#seen = this.#proven;
        return false;
      }
      throw this.#fail(wentBack(`it ends at ${header.sequence} without sequence ${anchor.sequence}`));
    }
    if (header.sequence < anchor.sequence) {
      throw this.#fail(corrupt(`it ends at ${header.sequence}, and contains ${anchor.sequence}`));
    }
    this.advance(header);
    this.#horizon = Math.max(this.#horizon, header.horizon);
    return true;
  }

  /** Takes over a position whose past includes `seen`. */
  advance({ sequence, batch }: Position): void {
    if (sequence <= this.#seen.sequence) return;
    this.#seen = { sequence, batch };
    this.onAdvance();
  }

  /**
   * Called when the synchronous standby has everything up to `seen`, or up to an earlier position, and before anything of
   * it is read or acknowledged.
   */
  prove(position: Position): void {
    if (position.sequence <= this.#proven.sequence) return;
    // The same object, where it is the same position.
    this.#proven = position.batch === this.#seen.batch ? this.#seen : position;
  }

  /** Sets and returns the fault of a reader at `after` when events up to `horizon` may have been dropped. */
  outrun(after: number, horizon: number): DuetError {
    return this.#fail(outrun(after, horizon));
  }

  #fail(error: DuetError): DuetError {
    if (this.#fault === undefined) {
      this.#fault = error;
      this.onAdvance();
    }
    return this.#fault;
  }
}

function wentBack(how: string): DuetError {
  return new DuetError(
    "DATABASE_WENT_BACK_IN_TIME",
    `the database went back in time: ${how}. Save the transactions that only this replica has, then restart it`,
  );
}

function outrun(after: number, horizon: number): DuetError {
  return new DuetError(
    "LOG_CORRUPT",
    `the log was compacted up to ${horizon}, beyond sequence ${after} of this replica; restart the replica`,
  );
}

/** The error of an append or a read barrier that was refused because of `error`. */
export function asRefusal(error: DuetError): DuetError {
  if (error.reason === "DATABASE_WENT_BACK_IN_TIME") return error;
  return new DuetError("LOG_UNAVAILABLE", error.message);
}
