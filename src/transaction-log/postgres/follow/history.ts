import { DuetError } from "../../../errors.ts";

/** The end of one batch. Because batches are a chain, it stands for everything before it. */
export interface Position {
  readonly sequence: number;
  readonly batch: string;
}

/** What one look at the database, one snapshot of it, has shown. */
export interface Header extends Position {
  readonly history: string;
  readonly horizon: number;
  /** Whether the position that the look was given, its anchor, is in the database. */
  readonly anchored: boolean;
}

/**
 * Selects the header; `anchor` stands for two parameters, sequence and batch. The newest batch is the one with the
 * largest basis.
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

export function decodeHeader(row: HeaderRow): Header {
  const [history, horizon, sequence, batch, anchored] = row;
  return { history, horizon: Number(horizon), sequence: Number(sequence), batch, anchored };
}

/**
 * What this process knows of the log's past. Each look at the database says whether the newest position that was known
 * before is still in it; if it is not, the database was restored or lost commits in a failover, and there are two
 * histories. Then, and when compaction has passed this process by, nothing is done with the log any more.
 */
export class History {
  readonly #id: string;
  #seen: Position;
  #horizon: number;
  #fault: DuetError | undefined;
  /** Called when something new became known, also that there is a fault. */
  onAdvance: () => void = () => {};

  constructor({ history, sequence, batch, horizon }: Header) {
    this.#id = history;
    this.#seen = { sequence, batch };
    this.#horizon = horizon;
  }

  /** The newest known position. */
  get seen(): Position {
    return this.#seen;
  }

  get horizon(): number {
    return this.#horizon;
  }

  /** LOG_CORRUPT or DATABASE_WENT_BACK_IN_TIME, for ever: the process must start anew. */
  get fault(): DuetError | undefined {
    return this.#fault;
  }

  /**
   * Learns from a look that was given `anchor`. False when the look proves nothing, because more has become known since
   * it was begun: look again. Throws `fault`.
   */
  learn(header: Header, anchor: Position): boolean {
    if (this.#fault) throw this.#fault;
    const compacted = header.horizon > anchor.sequence;
    if (header.history !== this.#id) throw this.#fail(wentBack("it holds another log"));
    if (compacted || !header.anchored) {
      if (anchor.sequence !== this.#seen.sequence) return false;
      if (compacted) throw this.outrun(anchor.sequence, header.horizon);
      throw this.#fail(wentBack(`it ends at ${header.sequence}, and ${anchor.sequence} was seen before`));
    }
    this.advance(header);
    this.#horizon = Math.max(this.#horizon, header.horizon);
    return true;
  }

  /** A position that stands on `seen`. */
  advance({ sequence, batch }: Position): void {
    if (sequence <= this.#seen.sequence) return;
    this.#seen = { sequence, batch };
    this.onAdvance();
  }

  /** For one who reads on after `after` and finds that events up to `horizon` may have been dropped since. */
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
    `the database went back in time: ${how}. This replica knows of transactions that are lost, and waits for a restart`,
  );
}

function outrun(after: number, horizon: number): DuetError {
  return new DuetError(
    "LOG_CORRUPT",
    `this replica was away for so long that the log was compacted up to ${horizon}, beyond the ${after} that it has ` +
      "applied; it must start anew",
  );
}

/** The error of an append or a read barrier that was not carried out because of `error`. */
export function asRefusal(error: DuetError): DuetError {
  if (error.reason === "DATABASE_WENT_BACK_IN_TIME") return error;
  return new DuetError("LOG_UNAVAILABLE", error.message);
}
